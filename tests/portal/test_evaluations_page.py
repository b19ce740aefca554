"""What each version led to: narrowed by package, project, trigger, outcome and time, and told how it became known."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from projects.models import Project
from registry.models import Package, PackageVersion
from releases.models import Trigger, TriggerEvaluation
from tests.deployments.scenes import a_manager
from tests.factories import a_lone_project, a_release, a_trigger, a_user, a_version, an_outside_package
from tests.portal.pages import opened, said

pytestmark = pytest.mark.django_db


def evaluated(trigger: Trigger, version: PackageVersion, outcome: str = "nothing") -> PackageVersion:
    made = a_release(trigger.project) if outcome != "nothing" else None
    TriggerEvaluation.objects.create(
        trigger=trigger, version=version, outcome=outcome, release=made, sentence=f"{version} led to {outcome}."
    )
    return version


def a_reference(package: Package, version: str = "1.4.114") -> PackageVersion:
    """A version as it was seen in an outside store."""
    return package.versions.create(
        version=version, sort_key=version, original=version, artifact=None, format="reference", members=0,
        unpacked_bytes=0, published_by=a_user("watcher"),
    )  # fmt: skip


@pytest.fixture
def site(client: Client) -> Project:
    """A project with two versions of its package, of which one created a release; and a version that nobody watches."""
    client.force_login(a_manager())
    site = a_lone_project("Site", package="ui")
    trigger = a_trigger(site)
    evaluated(trigger, a_version("ui", "1.0.0"), "created")
    evaluated(trigger, a_version("ui", "1.1.0"))
    a_version("stray", "3.0.0")
    return site


def shown(client: Client, **query: object) -> list[str]:
    response = opened(client, "evaluations", **query)
    return [str(line.version) for line in response.context["lines"]]


def test_every_version_is_told_newest_first(client, site):
    assert shown(client) == ["stray 3.0.0", "ui 1.1.0", "ui 1.0.0"]


@pytest.mark.parametrize(
    ("query", "versions"),
    [
        ({"package": "STR"}, ["stray 3.0.0"]),
        ({"project": "site"}, ["ui 1.1.0", "ui 1.0.0"]),
        ({"outcome": "created"}, ["ui 1.0.0"]),
        ({"outcome": "nothing"}, ["ui 1.1.0"]),
        ({"outcome": "existing"}, []),
        ({"outcome": "unwatched"}, ["stray 3.0.0"]),
        ({"outcome": "nonsense"}, ["stray 3.0.0", "ui 1.1.0", "ui 1.0.0"]),
        ({"package": "ui", "outcome": "created"}, ["ui 1.0.0"]),
        ({"package": "a\0b"}, ["stray 3.0.0", "ui 1.1.0", "ui 1.0.0"]),
    ],
)
def test_versions_are_narrowed(client, site, query, versions):
    assert shown(client, **query) == versions


def test_versions_are_narrowed_to_what_one_trigger_made_of_them(client, site):
    other = a_trigger(site, "Nightly")
    evaluated(other, a_version("ui", "1.1.0"))

    response = opened(client, "evaluations", trigger=other.pk)

    assert [str(line.version) for line in response.context["lines"]] == ["ui 1.1.0"]
    assert [evaluation.trigger for evaluation in response.context["lines"][0].led_to] == [other]


def test_versions_are_narrowed_to_days_the_last_one_included(client, site):
    today = timezone.localdate()

    assert len(shown(client, since=today, until=today)) == 3
    assert shown(client, since=today + timedelta(days=1)) == []
    assert shown(client, until=today - timedelta(days=1)) == []


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "yesterday"])
def test_a_day_that_is_none_narrows_nothing(client, site, day):
    assert len(shown(client, since=day, until=day)) == 3


def test_where_nothing_is_found_a_link_shows_everything(client, site):
    assert "No version is like that. Show all of them" in said(opened(client, "evaluations", package="nothing"))


def test_a_push_says_who_pushed(client, site):
    assert "ui 1.1.0 just now pushed by ci Nothing created Every push of Site." in said(opened(client, "evaluations"))


def test_what_was_seen_in_an_outside_store_says_where(client, site):
    package = an_outside_package("com.example/patient-api", label="Patient API")
    evaluated(site.triggers.get(), a_reference(package))

    page = opened(client, "evaluations")

    assert "Patient API 1.4.114 just now seen in Anypoint Exchange Nothing created" in said(page)


def test_what_an_outside_store_led_to_elsewhere_is_not_told(client, site):
    other = a_trigger(a_lone_project("Bank"))
    evaluated(other, a_reference(an_outside_package("vault")))
    client.force_login(a_user("vera", role="viewer", project=site))

    assert shown(client) == ["ui 1.1.0", "ui 1.0.0"]


@pytest.mark.parametrize("count", [1, 8])
def test_many_versions_take_as_many_queries_as_one(client, site, count, django_assert_num_queries):
    for n in range(2, 2 + count):
        evaluated(site.triggers.get(), a_version("ui", f"{n}.0.0"))

    with django_assert_num_queries(20):
        versions = shown(client)

    assert len(versions) == 3 + count
