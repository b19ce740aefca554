"""The page that says how a release is fetched and run on one's own machine."""

import pytest
from django.urls import reverse

from projects.models import Variable
from registry.actions import withdraw
from registry.models import Feed, PackageVersion
from releases.actions import create
from tests.factories import a_release, a_service_account, a_stack, a_user, a_version
from tests.portal.pages import opened, said, title_of
from tests.releases.bundles import a_portal, a_portal_release

pytestmark = pytest.mark.django_db
PAGE = ("run-it-yourself", "patient-portal", "1.0.1")


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.PACKAGES_DIR = tmp_path / "packages"


@pytest.fixture
def viewer(client):
    client.force_login(a_user("vera", role="viewer"))
    return client


def test_the_page_lists_what_is_run_in_which_order(viewer):
    a_portal_release()

    page = said(opened(viewer, *PAGE))

    assert page.index("Stage 1, Desired state") < page.index("Stage 2, Patient UI") < page.index("Stage 2, Notice")
    assert "Runs ui/release.sh" in page


def test_the_page_leads_to_the_download_and_says_its_size(viewer):
    a_portal_release()

    page = opened(viewer, *PAGE)

    download = reverse("api:bundle", args=PAGE[1:])
    assert title_of(page) == "Run Patient Portal 1.0.1 yourself"
    assert f'href="{download}" download' in page.content.decode()
    assert viewer.get(download).status_code == 200  # with the session of the browser


def test_the_page_says_the_commands_for_this_very_release(viewer):
    a_portal_release()

    page = said(opened(viewer, *PAGE))

    assert "patient-portal-1.0.1.tar \\ http://testserver/api/v1/projects/patient-portal/releases/1.0.1/bundle" in page
    assert "tar -xf patient-portal-1.0.1.tar cd patient-portal-1.0.1 ./run.sh --verify" in page
    assert "./run.sh DEV --only desired-state" in page
    assert "/packages/desired-state/latest/download?environment=PROD" in page


def test_the_page_says_which_variables_have_to_be_filled_in_and_none_of_their_values(viewer):
    portal = a_portal()
    token = Variable(name="TOKEN", project=portal)
    token.set_value("s3cret-token", sensitive=True)
    token.save()
    create(portal, by=a_service_account())

    page = said(opened(viewer, *PAGE))

    assert "TOKENOf desired-state, patient-ui, notice. It is secret." in page
    assert "s3cret" not in page


def test_a_release_that_may_not_be_run_any_more_says_why_and_offers_no_download(viewer):
    a_portal_release()
    withdraw(PackageVersion.objects.get(package__name="notice"), by=a_user("rita"), reason="It leaks.")

    page = said(opened(viewer, *PAGE))

    assert "notice 1.0.0 was withdrawn and is never run again: It leaks." in page
    assert "Download" not in page


def test_bytes_that_are_missing_are_said_on_the_page(viewer):
    a_release(a_stack("Patient Portal", components={"UI": 1}))

    page = said(opened(viewer, *PAGE))

    assert "is missing. Push the same package again to restore it." in page


def test_what_lies_in_another_store_is_named(viewer):
    portal = a_portal()
    outside = Feed.objects.create(slug="exchange", name="Exchange", kind="maven", url="https://exchange.example")
    package = outside.packages.create(name="com.example:api")
    about = {"format": "reference", "members": 0, "unpacked_bytes": 0, "published_by": a_user("ci")}
    package.versions.create(version="1.4.114", sort_key="1", original="1.4.114", digest="x", **about)
    portal.components.get(slug="notice").project_packages.create(package=package, position=2)
    create(portal, by=a_service_account())

    page = said(opened(viewer, *PAGE))

    assert "com.example:api Stage 2, Notice No step runs it 1.4.114 Not containedIt lies in Exchange." in page


def test_the_release_page_leads_there_for_those_who_may_see_packages(viewer):
    a_portal_release()
    link = reverse("portal:run-it-yourself", args=PAGE[1:])

    seen = opened(viewer, "release", *PAGE[1:]).content.decode()
    viewer.force_login(a_user("bea", role="business_viewer"))
    seen_by_business = opened(viewer, "release", *PAGE[1:]).content.decode()

    assert link in seen
    assert link not in seen_by_business


def test_a_release_that_there_is_not_is_not_found(viewer):
    a_portal_release()
    a_version("ui")

    assert opened(viewer, "run-it-yourself", "patient-portal", "9.9.9").status_code == 404
