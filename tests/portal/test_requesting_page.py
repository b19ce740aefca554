"""Asking for a deployment: the page says what it would do, and a refusal changes nothing."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from deployments.models import Deployment, Status
from projects.models import Project
from registry import actions as registry
from registry.models import PackageVersion
from releases import actions as releases
from releases.models import Release
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, went_live
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_lone_project, a_release, a_user, an_environment
from tests.portal.pages import buttons_of, errors_of, opened, said, title_of

pytestmark = pytest.mark.django_db

CONFIRM_TEST = "Type TEST to confirm that this is the environment you mean."


@pytest.fixture(autouse=True)
def manager(client: Client) -> User:
    manager = a_manager()
    client.force_login(manager)
    return manager


@pytest.fixture
def shop() -> Project:
    return a_rows_shop()


@pytest.fixture
def release(shop: Project) -> Release:
    return a_release(shop, "1.0.0", ui="1.4.0")


def ui_of(release: Release) -> Release:
    return release.components.get(component__slug="ui").release


def request_page(client: Client, release: Release, **query: str):
    return opened(client, "request", release.project.slug, release.number, **query)


def ask(client: Client, release: Release, environment: str = "test", **fields: str):
    address = reverse("portal:request", args=[release.project.slug, release.number])
    return client.post(f"{address}?environment={environment}", fields)


def later(**delta: int) -> str:
    """A moment as the control for date and time sends it."""
    return f"{timezone.localtime() + timedelta(**delta):%Y-%m-%dT%H:%M}"


# -- what the page says -----------------------------------------------------------------------------------------------


def test_a_promotion_is_called_a_request(client, release):
    response = request_page(client, release, environment="test")

    assert title_of(response) == "Request Shop 1.0.0 for TEST?"
    assert "Nothing of it is live in TEST yet." in said(response)
    assert buttons_of(response) == ["Request 1.0.0 for TEST"]


def test_the_same_release_again_is_called_so(client, release):
    went_live(release)

    response = request_page(client, release, environment="test")

    assert title_of(response) == "Deploy again to TEST: Shop 1.0.0?"
    assert buttons_of(response) == ["Deploy 1.0.0 to TEST again"]


def test_an_older_release_is_called_a_rollback(client, shop, release):
    went_live(release)
    went_live(a_release(shop, "1.1.0", ui="1.5.0"))

    response = request_page(client, release, environment="test")

    assert title_of(response) == "Roll back TEST to Shop 1.0.0?"
    assert "1.1.0 has been live in TEST since" in said(response)
    assert "UI from 1.5.0→ to 1.4.0 It replaces 1.5.0." in said(response)
    assert buttons_of(response) == ["Roll back TEST to 1.0.0"]


def test_a_rollback_runs_backwards_where_the_stack_says_so(client, shop, release):
    Project.objects.filter(pk=shop.pk).update(reverse_on_rollback=True)
    went_live(release)
    went_live(a_release(shop, "1.1.0", ui="1.5.0", api="1.1.0"))

    order = said(request_page(client, Release.objects.get(pk=release.pk), environment="test"))

    assert order.index("UI from 1.5.0") < order.index("API from 1.1.0")


def test_what_it_will_wait_for_is_said_beforehand(client, release):
    a_gate("TEST")

    page = said(request_page(client, release, environment="test"))

    assert "It will wait for this It needs 1 approval (Gate) once it has been requested." in page


def test_without_an_environment_the_next_one_is_meant(client, release):
    went_live(release)

    assert title_of(request_page(client, release)) == "Request Shop 1.0.0 for PROD?"


def test_what_is_sent_goes_to_the_environment_that_the_page_shows(client, release):
    page = request_page(client, release).content.decode()
    address = page.split('<form class="stack" method="post" action="')[1].split('"')[0]
    went_live(release)

    client.post(reverse("portal:request", args=["shop", "1.0.0"]) + address)

    asked = Deployment.objects.filter(parent=None).order_by("pk")
    assert [row.environment.name for row in asked] == ["TEST", "TEST"]


@pytest.mark.parametrize("environment", ["moon", "stage", "test\x00"])
def test_an_environment_outside_the_lifecycle_is_not_found(client, release, environment):
    an_environment("STAGE")

    assert request_page(client, release, environment=environment).status_code == 404
    assert ask(client, release, environment).status_code == 404


def test_a_stranger_does_not_learn_that_the_release_exists(client, release):
    client.force_login(a_user("stranger"))

    assert request_page(client, release).status_code == 404
    assert ask(client, release).status_code == 404


# -- asking -----------------------------------------------------------------------------------------------------------


def test_a_request_leads_to_its_deployment(client, release):
    a_gate("TEST")

    response = ask(client, release, reason="Friday build")

    row = Deployment.objects.get()
    assert response.url == reverse("portal:deployment", args=[row.pk])
    assert (row.status, row.reason) == (Status.REQUESTED, "Friday build")
    assert "Shop 1.0.0 to TEST was requested." in said(client.get(response.url))


def test_a_window_is_kept_with_the_request(client, release):
    a_gate("TEST")

    ask(client, release, start_at=later(hours=1), not_after=later(hours=3))

    row = Deployment.objects.get()
    assert row.not_after - row.start_at == timedelta(hours=2)


def test_a_newer_request_takes_the_place_of_an_older_one(client, shop, release):
    a_gate("TEST")
    older = requested(release)

    ask(client, a_release(shop, "1.1.0", ui="1.5.0"))

    older.refresh_from_db()
    assert older.status == Status.SUPERSEDED


# -- refused, and nothing has changed ---------------------------------------------------------------------------------


def test_an_earlier_environment_comes_first(client, release):
    response = request_page(client, release, environment="prod")

    assert "It must first succeed in TEST (phase TEST) before it goes to PROD." in said(response)
    assert buttons_of(response) == []


def test_who_sends_it_all_the_same_is_refused(client, release):
    response = ask(client, release, "prod")

    assert response.status_code == 422
    assert errors_of(response) == ["It must first succeed in TEST (phase TEST) before it goes to PROD."]
    assert not Deployment.objects.exists()


def test_a_prevented_release_has_its_reason_instead_of_a_button(client, manager, release):
    releases.prevent_progression(release, by=manager, reason="Wrong prices")

    response = request_page(client, release, environment="test")
    sent = ask(client, release)

    assert "It cannot be requested as it is mia prevented its progression: Wrong prices" in said(response)
    assert buttons_of(response) == []
    assert (sent.status_code, errors_of(sent)) == (422, ["mia prevented its progression: Wrong prices"])
    assert not Deployment.objects.exists()


def test_a_withdrawn_package_is_never_deployed_again(client, manager, release):
    registry.withdraw(PackageVersion.objects.get(package__name="ui"), by=manager, reason="It leaks")

    response = ask(client, release)

    assert response.status_code == 422
    assert errors_of(response) == ["ui 1.4.0 was withdrawn and is never deployed again: It leaks"]


@pytest.mark.parametrize("role", ["business_viewer", "viewer", "approver", "administrator"])
def test_without_the_role_there_is_a_sentence_and_no_button(client, release, role):
    client.force_login(a_user("pat", role=role))

    response = request_page(client, release, environment="test")
    sent = ask(client, release)

    sentence = "You may not request a deployment for Shop in TEST. It takes the role deployer or release manager;"
    assert sentence in said(response)
    assert buttons_of(response) == []
    assert sent.status_code == 422
    assert not Deployment.objects.exists()


def test_a_deployer_may_promote_but_not_roll_back(client, shop, release):
    went_live(release)
    went_live(a_release(shop, "1.1.0", ui="1.5.0"))
    client.force_login(a_user("dora", role="deployer"))

    assert buttons_of(request_page(client, release, environment="test")) == []
    assert ask(client, release).status_code == 422
    assert buttons_of(request_page(client, shop.releases.get(number="1.1.0"), environment="prod")) == [
        "Request 1.1.0 for PROD"
    ]


@pytest.mark.parametrize("field", ["start_at", "not_after"])
def test_an_unreadable_date_is_refused_at_its_field(client, release, field):
    response = ask(client, release, **{field: "tomorrow"})

    page = response.content.decode()
    assert response.status_code == 422
    assert errors_of(response) == ["Give date and time, such as 2026-11-24 18:00."]
    assert f'<a href="#id_{field}">' in page
    assert '<details class="more" open>' in page
    assert not Deployment.objects.exists()


def test_a_window_that_is_over_is_refused(client, release):
    response = ask(client, release, not_after=later(hours=-1))

    assert response.status_code == 422
    assert errors_of(response) == ["The latest start lies in the past: give a later one, or none."]
    assert not Deployment.objects.exists()


def test_a_window_without_a_moment_in_it_is_refused(client, release):
    response = ask(client, release, start_at=later(hours=3), not_after=later(hours=2))

    assert response.status_code == 422
    assert errors_of(response) == ["The latest start must lie after the earliest start."]
    assert not Deployment.objects.exists()


def test_a_reason_as_long_as_a_book_is_refused(client, release):
    response = ask(client, release, reason="because " * 300)

    assert response.status_code == 422
    assert errors_of(response) == ["Keep it under 2,000 characters."]


def test_what_was_typed_is_still_there_after_a_refusal(client, release):
    page = ask(client, release, reason="The <b>Friday</b> build", not_after="soon").content.decode()

    assert "The &lt;b&gt;Friday&lt;/b&gt; build</textarea>" in page


# -- one component without its stack ----------------------------------------------------------------------------------


def test_a_component_alone_says_what_it_breaks(client, shop, release):
    went_live(release)
    newer = a_release(shop, "1.1.0", ui="1.5.0")

    response = request_page(client, ui_of(newer), environment="test")

    page = said(response)
    assert title_of(response) == "Request UI 1.5.0 for TEST on its own?"
    assert "UI will be out of step in TEST" in page
    assert (
        "TEST runs Shop 1.0.0, which names 1.4.0. After this UI is out of step there, and the overview shows it until a"
        " release of the stack brings it back in step." in page
    )
    assert "1.5.0 has never been live together with API 1.0.0, which TEST runs." in page
    assert "The next release of Shop that goes to TEST replaces it with whatever that release holds." in page
    assert "Instead, you can promote Shop 1.1.0, which holds 1.5.0 and keeps everything in step." in page
    assert buttons_of(response) == ["Promote 1.5.0 to TEST on its own"]


def test_going_back_alone_names_the_stack_to_roll_back_to(client, shop, release):
    went_live(release)
    went_live(a_release(shop, "1.1.0", ui="1.5.0"))

    response = request_page(client, ui_of(release), environment="test")

    assert title_of(response) == "Roll back TEST to UI 1.4.0 on its own?"
    assert "Instead, you can roll back to Shop 1.0.0, which holds 1.4.0" in said(response)
    assert "has never been live together" not in said(response)


def test_before_its_stack_it_would_be_without_the_rest(client, release):
    page = said(request_page(client, ui_of(release), environment="test"))

    assert "No release of Shop is live in TEST yet: UI would be there without the rest." in page


def test_what_the_stack_names_brings_it_back_in_step(client, shop, release):
    went_live(release)
    went_live(ui_of(a_release(shop, "1.1.0", ui="1.5.0")))

    page = said(request_page(client, ui_of(release), environment="test"))

    assert "UI will be in step in TEST" in page
    assert "TEST runs Shop 1.0.0, which names 1.4.0: after this UI is in step there." in page
    assert "Instead" not in page


def test_a_component_goes_alone_with_a_reason_and_the_environment_typed(client, shop, release):
    went_live(release)
    ui = ui_of(a_release(shop, "1.1.0", ui="1.5.0"))

    response = ask(client, ui, reason="Login is broken", typed=" test ")

    row = Deployment.objects.get(release=ui)
    assert response.url == reverse("portal:deployment", args=[row.pk])
    assert (row.parent, row.reason) == (None, "Login is broken")


def test_another_environment_than_typed_is_refused(client, release):
    response = ask(client, ui_of(release), reason="Login is broken", typed="PROD")

    assert response.status_code == 422
    assert errors_of(response) == [CONFIRM_TEST]
    assert not Deployment.objects.exists()


def test_a_component_alone_needs_a_reason_and_the_confirmation(client, release):
    response = ask(client, ui_of(release), reason="  ", typed="")

    assert response.status_code == 422
    assert errors_of(response) == ["Say why UI cannot wait for a release of Shop.", CONFIRM_TEST]
    assert not Deployment.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "deployer", "approver"])
def test_only_a_release_manager_takes_one_component_alone(client, release, role):
    client.force_login(a_user("pat", role=role))

    response = request_page(client, ui_of(release), environment="test")
    sent = ask(client, ui_of(release), reason="Login is broken", typed="TEST")

    assert "It takes the role release manager; ask an administrator for it." in said(response)
    assert buttons_of(response) == []
    assert sent.status_code == 422
    assert not Deployment.objects.exists()


def test_a_project_on_its_own_needs_no_confirmation(client):
    release = a_release(a_lone_project("Website"), website="2.0.0")

    response = request_page(client, release, environment="test")

    assert title_of(response) == "Request Website 2.0.0 for TEST?"
    assert "to confirm the environment" not in said(response)
    assert ask(client, release).status_code == 302
