"""What a manifest names is content of its own: on the grid, beside a plan, on a release and in the history."""

import pytest
from django.test import Client
from django.urls import reverse

from projects.models import Project
from releases.models import Release
from tests.deployments.rows import a_rows_shop, went_live
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_package, a_release, a_source, a_version, an_outside_package
from tests.portal.pages import opened, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(client: Client) -> Project:
    """A stack whose component API holds a desired-state package, and its release manager, signed in."""
    client.force_login(a_manager())
    for name, label in (("patient-api", "Patient API"), ("billing-api", "Billing API"), ("stray", "")):
        an_outside_package(name, label)
    shop = a_rows_shop()
    a_source(a_package("api"))
    return shop


def a_state(version: str, **contents: str) -> str:
    manifest = {component.replace("_", "-"): number for component, number in contents.items()}
    return a_version("api", version, contents=manifest).version


@pytest.fixture
def older(shop: Project) -> Release:
    """Live in TEST and in PROD."""
    older = a_release(shop, "1.0.0", api=a_state("1.0.0", patient_api="1.4.113", stray="7"))
    went_live(older)
    went_live(older, "PROD")
    return older


@pytest.fixture
def newer(shop: Project, older: Release) -> Release:
    return a_release(shop, "1.1.0", api=a_state("1.1.0", patient_api="1.4.114", billing_api="2.0.0"))


NEXT = "Billing API 2.0.0 new Patient API from 1.4.113→ to 1.4.114 stray 7 no longer in it"


def test_the_grid_has_a_quiet_row_for_each_component_of_a_manifest(client, newer):
    went_live(newer)

    page = said(opened(client, "overview"))

    assert "Patient API 1.4.114 1.4.113 TEST has 1.4.114" in page
    assert "Billing API 2.0.0 –Not in its manifest TEST has 2.0.0" in page


def test_many_components_of_a_manifest_are_folded(client, shop):
    went_live(a_release(shop, "1.0.0", api=a_state("1.0.0", **{f"c{n}": "1" for n in range(9)})))

    page = opened(client, "overview").content.decode()

    assert '<details id="contents-api">' in page
    assert "9 in its manifest, no different between environments" in page


def test_a_component_shows_its_manifest_where_it_is(client, newer):
    went_live(newer)

    page = said(opened(client, "project", "api"))

    assert "Patient API 1.4.114 1.4.113 TEST has 1.4.114" in page


def test_where_an_environment_is_behind_a_link_compares_the_two(client, newer):
    went_live(newer)

    page = opened(client, "overview").content.decode()

    assert f"{reverse('portal:compare', args=['shop'])}?from=1.0.0&amp;to=1.1.0" in page


def test_a_release_says_what_its_manifests_name_and_what_will_change(client, newer):
    page = said(opened(client, "release", "shop", "1.1.0"))

    assert f"API from 1.0.0→ to 1.1.0 It replaces 1.0.0. {NEXT}" in page
    assert "API 1.1.0 Billing API 2.0.0 Patient API 1.4.114" in page
    assert "Compare with 1.0.0, live in TEST." in page


def test_a_release_that_changes_nothing_inside_says_so(client, older, shop):
    a_release(shop, "1.2.0", api=a_state("1.2.0", patient_api="1.4.113", stray="7"))

    assert "What its manifest names stays as it is." in said(opened(client, "release", "shop", "1.2.0"))


def test_a_first_release_names_its_contents_without_calling_them_new(client, shop):
    a_release(shop, "1.0.0", api=a_state("1.0.0", patient_api="1.4.113"))

    assert "It is not there yet. Patient API 1.4.113 " in said(opened(client, "release", "shop", "1.0.0"))


def test_whoever_asks_for_a_deployment_sees_what_changes_inside(client, newer):
    assert NEXT in said(opened(client, "request", "shop", "1.1.0", environment="test"))


def test_whoever_approves_sees_what_changes_inside(client, newer):
    client.force_login(a_gate("TEST"))

    page = said(opened(client, "approval", requested(newer).pk))

    assert NEXT in page
    assert "Everything that is different from 1.0.0, which is live there now" in page


def test_the_page_of_a_deployment_says_what_was_planned_inside(client, newer):
    assert NEXT in said(opened(client, "deployment", went_live(newer).pk))


def test_the_history_says_what_was_named_then(client, newer):
    went_live(newer)

    page = said(opened(client, "history", "test"))

    assert "API 1.1.0 Component of Shop Billing API 2.0.0 Patient API 1.4.114" in page
    assert "API 1.0.0 Component of Shop Patient API 1.4.113 stray 7" in page
