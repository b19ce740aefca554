"""Outside stores as people see them: how each is, the newest versions beside the deployed ones, what a release needs."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from projects.models import Project
from registry.models import Feed, Listing
from registry.outside import watch
from releases import needs
from releases.models import Release
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import went_live
from tests.factories import (
    a_lone_project,
    a_package,
    a_release,
    a_source,
    a_stack,
    a_user,
    a_version,
    an_outside_feed,
    an_outside_package,
)
from tests.portal.pages import opened, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client) -> User:
    viewer = a_user("vera", role="viewer")
    client.force_login(viewer)
    return viewer


@pytest.fixture
def state() -> Project:
    project = a_lone_project("State", package="state")
    a_source(a_package("state"), "*-api", "com:{component}")
    return project


def lists(name: str, *versions: str, label: str = "", **fields: object) -> Listing:
    package = watch(an_outside_feed(), name)
    type(package).objects.filter(pk=package.pk).update(label=label)
    lines = [[version, version, "", ""] for version in versions]
    Listing.objects.filter(package=package).update(**({"versions": lines, "checked_at": timezone.now()} | fields))
    return Listing.objects.get(package=package)


def a_state(project: Project, version: str, **contents: str) -> Release:
    a_version("state", version, contents={name.replace("_", "-"): text for name, text in contents.items()})
    return a_release(project, state=version)


def test_the_list_of_stores_says_how_each_is(client, viewer):
    an_outside_feed()
    broken = Feed.objects.create(slug="npm", name="Our npm", kind="npm", url="https://npm.example")
    Feed.objects.filter(pk=broken.pk).update(problem="npm.example is down.", failing_since=timezone.now())
    Feed.objects.create(slug="old", name="Old", kind="pypi", url="https://pypi.example", enabled=False)

    words = said(opened(client, "feeds"))

    assert "Anypoint Exchange Maven repository Not asked yet" in words
    assert "Our npm npm registry Does not answer" in words
    assert "npm.example is down." in words
    assert "Old Python package index Switched off" in words


def test_without_stores_the_list_says_how_one_is_connected(client, viewer):
    assert "An administrator connects one in the configuration" in said(opened(client, "feeds"))


def test_newest_versions_stand_beside_the_deployed_ones(client, viewer, state, own_worker):  # noqa: F811
    lists("com:patient-api", "1.4.115", "1.4.114", "1.4.113", label="Patient API")
    went_live(a_state(state, "1.0.0", patient_api="1.4.113"), "TEST")

    words = said(opened(client, "feed", "exchange"))

    assert "Patient API com:patient-api 1.4.115 1.4.113 2 newer there Not deployed" in words


def test_a_package_that_a_project_holds_itself_is_shown_with_its_live_version(client, viewer, own_worker):  # noqa: F811
    site = a_lone_project("Site", package="site")
    package = an_outside_package("com:runtime")
    lists("com:runtime", "4.6.0")
    site.project_packages.create(package=package, position=2)
    a_version("site")
    fields = {"version": "4.6.0", "sort_key": "04", "original": "4.6.0", "format": "reference", "members": 0}
    package.versions.create(**fields, unpacked_bytes=0, published_by=viewer)
    went_live(a_release(site), "TEST")

    words = said(opened(client, "feed", "exchange"))

    assert "com:runtime 4.6.0 4.6.0 Not deployed" in words


def test_a_package_that_is_not_there_says_so(client, viewer):
    lists("com:patient-api")

    assert "com:patient-api Nothing there" in said(opened(client, "feed", "exchange"))


def test_a_store_that_does_not_answer_says_since_when_and_that_things_may_be_out_of_date(client, viewer):
    lists("com:patient-api", "1.0.0")
    Feed.objects.exclude(kind="builtin").update(problem="exchange.example is down.", failing_since=timezone.now())

    words = said(opened(client, "feed", "exchange"))

    assert "It does not answer Since" in words
    assert "What was seen last stays as it was. It may be out of date." in words


def test_whoever_sees_one_project_sees_the_packages_that_it_depends_on(client, state):
    other = a_stack("Bank", components={"Vault": 1})
    a_source(a_package("vault"), "*", "com:{component}")
    a_version("vault", contents={"secret-api": "1.0.0"})
    a_version("state", contents={"patient-api": "1.0.0"})
    needs.watch_all()
    client.force_login(a_user("vera", role="viewer", project=state))

    words = said(opened(client, "feed", "exchange"))

    assert "com:patient-api" in words
    assert "secret-api" not in words
    assert other.components.exists()


def test_a_store_that_no_project_of_theirs_depends_on_does_not_exist_for_them(client, state):
    an_outside_feed()
    client.force_login(a_user("vera", role="viewer", project=state))

    assert opened(client, "feed", "exchange").status_code == 404


def test_asking_again_brings_the_next_look_forward(client, viewer):
    listing = lists("com:patient-api", next_at=timezone.now() + timedelta(hours=1))

    response = client.post("/feeds/exchange/ask/", follow=True)

    listing.refresh_from_db()
    assert listing.next_at <= timezone.now()
    assert "Anypoint Exchange is asked again within seconds." in response.content.decode()


def test_a_switched_off_store_cannot_be_asked(client, viewer):
    an_outside_feed()
    Feed.objects.exclude(kind="builtin").update(enabled=False)

    response = client.post("/feeds/exchange/ask/", follow=True)

    assert "an administrator has to enable it first" in response.content.decode()


# -- on the release -----------------------------------------------------------------------------------------------------


def test_a_release_says_what_it_needs_and_what_is_missing(client, viewer, state):
    lists("com:patient-api", "1.4.113", label="Patient API")
    lists("com:admissions-api", "1.2.195", label="Admissions API")
    release = a_state(state, "1.0.0", patient_api="1.4.113", admissions_api="1.2.196")

    words = said(opened(client, "release", "state", release.number))

    assert "What it needs from outside" in words
    assert "Patient API 1.4.113 is in Anypoint Exchange (checked" in words
    assert "Admissions API 1.2.196 is not in Anypoint Exchange (checked" in words


def test_a_release_that_needs_nothing_does_not_speak_of_it(client, viewer):
    release = a_release(a_lone_project("Site", package="site"))

    assert "What it needs from outside" not in said(opened(client, "release", "site", release.number))


def test_looking_again_is_a_button_on_the_release(client, viewer, state):
    listing = lists("com:patient-api", next_at=timezone.now() + timedelta(hours=1))
    release = a_state(state, "1.0.0", patient_api="1.4.113")

    response = client.post(f"/projects/state/releases/{release.number}/ask-stores/", follow=True)

    listing.refresh_from_db()
    assert listing.next_at <= timezone.now()
    assert "It is looked up again within seconds." in response.content.decode()
