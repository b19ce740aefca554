"""The pages of packages: found by name, where they are live, what their manifests name, and what speaks against a version."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from projects.models import Project
from registry.models import Package, PackageVersion
from tests.deployments.rows import a_rows_shop, went_live
from tests.deployments.scenes import a_manager
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
def manager(client: Client) -> User:
    manager = a_manager()
    client.force_login(manager)
    return manager


@pytest.fixture
def shop(manager: User) -> Project:
    return a_rows_shop()


def listed(client: Client, **query: str) -> str:
    return said(client.get(reverse("portal:packages"), query))


def of_package(client: Client, name: str = "ui", **query: str) -> str:
    return said(opened(client, "package", name, **query))


def of_version(client: Client, version: str = "1.0.0", name: str = "ui") -> str:
    return said(opened(client, "version", name, version))


def the(version: PackageVersion, **fields: object) -> PackageVersion:
    PackageVersion.objects.filter(pk=version.pk).update(**fields)
    return version


# -- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_says_what_is_live_where(client, shop):
    first = a_release(shop, ui="1.0.0")
    went_live(first)
    went_live(first, "PROD")
    went_live(a_release(shop, ui="1.1.0"))

    assert "ui 1.1.0 TEST 1.1.0 PROD 1.0.0 1.1.0" in listed(client)


def test_a_package_is_called_what_people_call_it(client, shop):
    a_version("ui")
    Package.objects.filter(name="ui").update(label="Patient UI")

    assert "Patient UI ui 1.0.0 Nowhere" in listed(client)


@pytest.mark.parametrize("text", ["PATIENT", "ui"])
def test_packages_are_found_by_a_part_of_what_they_are_called(client, shop, text):
    Package.objects.filter(name="ui").update(label="Patient front end")

    page = listed(client, name=text)

    assert "Patient front end" in page
    assert "api" not in page


def test_packages_are_found_by_the_project_that_holds_them(client, shop):
    a_lone_project("Website")

    page = listed(client, project="shop")

    assert "website" not in page
    assert "api None in use" in page
    assert "ui None in use" in page


def test_where_nothing_is_found_a_link_shows_everything(client, shop):
    assert "No package is like that. Show all of them" in listed(client, name="nothing")


def test_the_projects_of_others_are_not_named(client, shop):
    a_stack("Bank").components.create(
        name="Teller", slug="teller", kind="component", stage=1, process=shop.components.first().process
    )
    Project.objects.get(slug="teller").project_packages.create(package=a_package("ui"))
    client.force_login(a_user("vera", role="viewer", project=shop))

    assert "Teller" not in listed(client) + of_package(client)


def test_many_packages_are_listed_in_pages_with_numbers(client, manager):
    Package.objects.bulk_create(Package(feed=a_package("p000").feed, name=f"p{n:03}") for n in range(1, 120))

    first, last = listed(client), listed(client, page="3")

    assert "First page 1–50 of 120 Next" in first
    assert "Back 101–120 of 120 Last page" in last
    assert "p119" in last


@pytest.mark.parametrize(("number", "shown"), [("99", "p059"), ("0", "p000"), ("-1", "p000"), ("x", "p000")])
def test_a_page_that_there_is_not_is_the_nearest(client, manager, number, shown):
    Package.objects.bulk_create(Package(feed=a_package("p000").feed, name=f"p{n:03}") for n in range(1, 60))

    assert shown in listed(client, page=number)


def test_a_page_keeps_what_was_looked_for(client, manager):
    Package.objects.bulk_create(Package(feed=a_package("p000").feed, name=f"p{n:03}") for n in range(1, 60))

    page = client.get(reverse("portal:packages"), {"name": "p0"}).content.decode()

    assert 'href="/packages/?name=p0&amp;page=2"' in page


@pytest.mark.parametrize("count", [1, 6])
def test_many_packages_take_as_many_queries_as_one(client, manager, count, django_assert_num_queries):
    for n in range(count):
        went_live(a_release(a_lone_project(f"Site {n}")))

    with django_assert_num_queries(22):
        page = listed(client)

    assert page.count("TEST 1.0.0") == count


# -- one package ------------------------------------------------------------------------------------------------------


def test_a_package_tells_the_newest_version_and_what_is_special_about_others(client, shop):
    a_version("ui", "1.0.0")
    the(a_version("ui", "1.1.0"), withdrawn_at=timezone.now(), withdrawn_by=a_manager(), withdrawn_reason="It leaks.")
    a_version("ui", "2.0.0-rc.1")
    a_version("ui", "1.0.5")
    the(a_version("ui", "0.9.0"), removed_at=timezone.now(), removed_reason="Older than 90 days.")

    page = of_package(client)

    assert "2.0.0-rc.1 Newest Pre-release" in page
    assert "1.1.0 Withdrawn" in page
    assert "0.9.0 Removed" in page
    assert page.count("Newest") == 2


@pytest.mark.parametrize(
    ("query", "versions"),
    [
        ({"state": "live"}, ["1.0.0"]),
        ({"state": "in-use"}, ["2.0.0-rc.1", "1.0.0"]),
        ({"state": "prerelease"}, ["2.0.0-rc.1"]),
        ({"state": "withdrawn"}, ["1.1.0"]),
        ({"state": "removed"}, ["0.9.0"]),
        ({"version": "1."}, ["1.1.0", "1.0.0"]),
        ({"version": "1.", "state": "live"}, ["1.0.0"]),
        ({"state": "nonsense"}, ["0.9.0", "2.0.0-rc.1", "1.1.0", "1.0.0"]),
    ],
)
def test_versions_are_narrowed(client, shop, query, versions):
    went_live(a_release(shop, ui="1.0.0"))
    the(a_version("ui", "1.1.0"), withdrawn_at=timezone.now(), withdrawn_by=a_manager(), withdrawn_reason="It leaks.")
    a_version("ui", "2.0.0-rc.1")
    the(a_version("ui", "0.9.0"), removed_at=timezone.now(), removed_reason="Older than 90 days.")

    response = opened(client, "package", "ui", **query)

    assert [line.version.version for line in response.context["lines"]] == versions


def test_where_no_version_is_found_a_link_shows_everything(client, shop):
    a_version("ui")

    assert "No version is like that. Show all of them" in of_package(client, version="9")


def test_a_package_without_versions_says_so(client, shop):
    assert "No version has been pushed." in of_package(client)


def test_a_package_tells_what_holds_it_and_where_its_components_lie(client, shop):
    a_source(a_package("ui"), "*-api", "com.example:{component}")
    Package.objects.filter(name="ui").update(manifest_file="deploy/manifest.yaml", manifest_form="yaml")

    page = of_package(client)

    assert "Pushed as ui" in page
    assert "Part of UI" in page
    assert "Manifest deploy/manifest.yaml, YAML" in page
    assert "Its components lie in Anypoint Exchange as com.example:{component} (*-api)" in page


# -- one version ------------------------------------------------------------------------------------------------------


def test_a_version_tells_what_its_manifest_names_and_where_that_lies(client, shop):
    an_outside_package("com.example:patient-api", label="Patient API")
    a_source(a_package("ui"), "*-api", "com.example:{component}")
    a_source(a_package("ui"), "runtime", feed=an_outside_feed("images", "Images"))
    a_version("ui", contents={"runtime": "9", "patient-api": "1.4.114", "stray": "0.1"})

    page = of_version(client)

    assert (
        "Its manifest 3 components What its manifest names Component Version Lies in"
        " Patient API patient-api 1.4.114 Anypoint Exchange com.example:patient-api"
        " runtime 9 Images stray 0.1 Not said" in page
    )


def test_a_version_tells_which_environments_it_was_made_for_and_what_it_says_about_itself(client, shop):
    a_version("ui", targets=["PROD", "TEST"], about={"solution": "patient", "build_number": "114"})

    page = of_version(client)

    assert "Made for PROD and TEST." in page
    assert "Solution patient Build number 114" in page


def test_a_removed_version_says_when_and_why(client, shop):
    the(a_version("ui"), removed_at=timezone.now(), removed_reason="Older than 90 days.")

    assert "Its bytes are removed They were removed just now: Older than 90 days." in of_version(client)


def test_the_manifest_of_a_version_takes_as_many_queries_however_long_it_is(client, shop, django_assert_num_queries):
    a_source(a_package("ui"))
    a_version("ui", "1.0.0", contents={f"c{n}": "1" for n in range(30)})

    with django_assert_num_queries(26):
        page = of_version(client)

    assert "30 components" in page
