"""What is on hold is told of wherever it matters; a release manager puts it and releases it on pages of its own."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from deployments.holds import hold, release_hold
from deployments.models import Deployment, Hold, Status
from projects.models import Project
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_row, claimed, run_out
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_lifecycle, a_lone_project, a_release, a_stack, a_user, an_administrator, an_environment
from tests.portal.pages import buttons_of, errors_of, opened, said, title_of

pytestmark = pytest.mark.django_db

SENTENCE = "mia: Database migration."
GOES_ON = "New deployments wait; what runs goes on."


def put(project: Project | None = None, environment: str | None = None, reason: str = "Database migration") -> Hold:
    place = an_environment(environment) if environment else None
    return hold(project, place, by=a_manager(), reason=reason)


@pytest.fixture
def shop() -> Project:
    return a_stack("Shop", components={"API": 1, "UI": 2})


def as_(client: Client, role: str | None = "viewer", project: Project | None = None) -> Client:
    client.force_login(a_user("vic", role=role, project=project))
    return client


# -- the banner -------------------------------------------------------------------------------------------------------


@pytest.fixture
def addresses(shop: Project) -> dict[str, str]:
    """Every page that a hold of this stack concerns."""
    release = a_release(shop)
    running = requested(release)
    a_gate("PROD")
    asked = a_row(Status.REQUESTED, release, an_environment("PROD"))
    return {
        "overview": reverse("portal:overview"),
        "stack": reverse("portal:project", args=["shop"]),
        "component": reverse("portal:project", args=["ui"]),
        "release": reverse("portal:release", args=["shop", release.number]),
        "component's release": reverse("portal:release", args=["ui", "1.0.0"]),
        "request": reverse("portal:request", args=["shop", release.number]) + "?environment=test",
        "approval": reverse("portal:approval", args=[asked.pk]),
        "deployment": reverse("portal:deployment", args=[running.pk]),
        "request that waits": reverse("portal:deployment", args=[asked.pk]),
        "deployments": reverse("portal:deployments"),
        "environments": reverse("portal:environments"),
    }


PAGES = (
    "overview",
    "stack",
    "component",
    "release",
    "component's release",
    "request",
    "approval",
    "deployment",
    "request that waits",
    "deployments",
    "environments",
)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", ["business_viewer", "release_manager"])
def test_everybody_who_sees_the_project_is_told(client, shop, addresses, page, role):
    put(shop)

    response = as_(client, role).get(addresses[page])

    assert SENTENCE in said(response)


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_said_where_nothing_is_on_hold(client, shop, addresses, page):
    release_hold(put(shop), by=a_manager())
    put(a_lone_project("Website"))

    response = as_(client, "viewer", shop).get(addresses[page])

    assert "On hold" not in said(response)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ("request", "request that waits")])
def test_it_says_what_that_means(client, shop, addresses, page):
    put(shop)

    assert GOES_ON in said(as_(client).get(addresses[page]))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_once_for_its_holds(client, shop, addresses, page):
    put(shop)
    put()
    as_(client)

    with CaptureQueriesContext(connection) as queries:
        client.get(addresses[page])

    asked = [query["sql"] for query in queries if 'FROM "deployments_hold"' in query["sql"].partition("WHERE")[0]]
    assert 1 <= len(asked) <= (2 if page in ("release", "component's release", "request") else 1)


def test_many_holds_are_told_of_briefly(client, shop):
    [put(a_stack(f"Stack {number}")) for number in range(6)]

    response = as_(client).get(reverse("portal:overview"))

    assert f"2 more. {GOES_ON}" in said(response)


def test_a_long_reason_is_cut_in_the_banner(client, shop):
    put(shop, reason="x " * 900)

    banner = as_(client).get(reverse("portal:overview")).content.decode().partition("on-hold")[2].partition("</p>")[0]

    assert "…" in banner
    assert len(banner) < 1000


def test_a_reason_is_never_markup(client, shop):
    put(shop, reason="<script>alert(1)</script>")

    assert b"<script>alert" not in as_(client).get(reverse("portal:overview")).content


def test_a_stranger_is_told_nothing(client, shop):
    put()

    assert "On hold" not in said(as_(client, None).get(reverse("portal:overview")))


def test_a_deployment_that_is_over_is_not_concerned(client, shop):
    train = requested(a_release(shop))
    run_out()
    put(shop)

    assert "On hold" not in said(as_(client).get(reverse("portal:deployment", args=[train.pk])))


# -- grid and environments --------------------------------------------------------------------------------------------


def headings(response) -> list[str]:
    page = response.content.decode()
    return [part.partition("</th>")[0] for part in page.split('role="columnheader"')[1:]]


@pytest.mark.parametrize(("environment", "marked"), [(None, ["TEST", "PROD"]), ("PROD", ["PROD"])])
@pytest.mark.parametrize("slug", ["shop", "ui"])
def test_the_heading_of_an_environment_says_that_it_is_on_hold(client, shop, slug, environment, marked):
    put(shop, environment)

    found = headings(as_(client).get(reverse("portal:project", args=[slug])))

    assert [name for name in ("TEST", "PROD") for head in found if f"{name}</span>" in head and "On hold" in head] == (
        marked
    )


def test_another_stacks_grid_says_nothing(client, shop):
    put(a_stack("Depot"), "PROD")

    found = headings(as_(client).get(reverse("portal:project", args=["shop"])))

    assert not any("On hold" in head for head in found)


def test_the_grid_comes_anew_when_a_hold_is_put_and_released(client, shop):
    as_(client)
    live = f"{reverse('portal:overview-live')}?stack=shop"

    def revision() -> str:
        return client.get(live).content.decode().partition("rev=")[2].partition('"')[0]

    before = revision()
    row = put(None, "TEST")
    during = revision()
    release_hold(row, by=a_manager())

    assert before == revision() != during
    assert client.get(f"{live}&rev={before}").status_code == 204


def test_an_environment_says_that_it_is_on_hold_as_a_whole(client, shop):
    put(shop, "TEST")
    put(None, "PROD")

    page = said(as_(client).get(reverse("portal:environments")))

    assert "PROD Production On hold" in page
    assert "TEST On hold" not in page


# -- deployment, request, approval ------------------------------------------------------------------------------------


def test_what_waits_for_a_worker_says_that_it_is_on_hold(client):
    alone = requested(a_release(a_lone_project("Website")))
    put()

    page = said(as_(client).get(reverse("portal:deployment", args=[alone.pk])))

    assert page.count(SENTENCE) == 1
    assert "What it waits for On hold: the whole portal since " in page


def test_a_script_that_runs_does_not_wait_for_it(client):
    requested(a_release(a_lone_project("Website")))
    running = claimed()
    put()

    page = said(as_(client).get(reverse("portal:deployment", args=[running.pk])))

    assert GOES_ON in page
    assert "What it waits for" not in page


def test_the_page_of_a_queued_deployment_comes_anew_when_a_hold_is_put(client):
    alone = requested(a_release(a_lone_project("Website")))
    as_(client)
    page = client.get(reverse("portal:deployment", args=[alone.pk])).content.decode()
    revision = page.partition("live/?rev=")[2].partition('"')[0]

    put()

    response = client.get(f"{reverse('portal:deployment-live', args=[alone.pk])}?rev={revision}")
    assert (response.status_code, SENTENCE in said(response)) == (200, True)


def test_the_approver_is_told_that_it_will_wait(client, shop):
    otto = a_gate("TEST")
    asked = requested(a_release(shop))
    put(shop)
    client.force_login(otto)

    page = opened(client, "approval", asked.pk)
    decided = client.post(
        reverse("portal:approval", args=[asked.pk]),
        {"decision": "approve", "fingerprint": asked.fingerprint},
        follow=True,
    )

    assert "once approved, it waits until that is over, and then starts by itself" in said(page)
    assert f"You approved {asked}. On hold: Shop since " in said(decided)
    assert Deployment.objects.get(pk=asked.pk).status == Status.SCHEDULED


# -- the page of all holds --------------------------------------------------------------------------------------------


def test_it_lists_what_stands_and_what_stood(client, shop):
    release_hold(put(shop, "TEST"), by=a_manager(), reason="It is through")
    put(None, "PROD", "Stocktaking")

    page = said(opened(as_(client), "holds"))

    assert "On hold now PROD mia, just now Stocktaking Nothing waits for it yet." in page
    assert "mia: Database migration Released by mia: It is through" in page


def test_it_says_how_much_waits(client, shop):
    put()
    requested(a_release(shop))
    requested(a_release(a_lone_project("Website")))

    assert "2 deployments wait." in said(opened(as_(client), "holds"))


def test_what_somebody_may_not_see_is_not_counted(client, shop):
    put()
    requested(a_release(shop))
    requested(a_release(a_lone_project("Website")))

    assert "1 deployment waits." in said(opened(as_(client, "viewer", shop), "holds"))


def test_holds_of_other_projects_are_not_listed(client, shop):
    put(a_lone_project("Website"))

    assert "Nothing is on hold" in said(opened(as_(client, "viewer", shop), "holds"))


def test_it_takes_as_many_queries_for_many_holds_as_for_few(client):
    as_(client, "release_manager")
    few = queries_for(client, 1)

    many = queries_for(client, 4)

    assert few == many


def queries_for(client: Client, count: int) -> int:
    """What the page asks the database when so many more holds stand, and as many more are past."""
    before = Project.objects.count()
    stacks = [a_stack(f"Stack {before + number}") for number in range(2 * count)]
    [put(stack) for stack in stacks[:count]]
    [release_hold(put(stack), by=a_manager()) for stack in stacks[count:]]
    with CaptureQueriesContext(connection) as queries:
        opened(client, "holds")
    return len(queries)


def test_a_release_is_offered_where_a_grant_covers_it(client, shop):
    put(shop, "TEST")
    put(shop)
    client.force_login(a_user("rita", role="release_manager", project=shop, environment=an_environment("TEST")))

    assert buttons_of(opened(client, "holds")) == ["Put on hold…", "Release the hold… of Shop in TEST"]


@pytest.mark.parametrize("role", ["viewer", "deployer", "administrator"])
def test_nobody_else_is_offered_anything(client, shop, role):
    put(shop)

    assert buttons_of(opened(as_(client, role), "holds")) == []


@pytest.mark.parametrize(("role", "offered"), [("release_manager", True), ("deployer", False)])
def test_the_stacks_page_leads_to_the_form(client, shop, role, offered):
    page = opened(as_(client, role), "project", "shop").content.decode()

    assert (f"{reverse('portal:put-hold')}?project=shop" in page) is offered


@pytest.mark.parametrize(("role", "offered"), [("release_manager", True), ("deployer", False)])
def test_the_page_of_environments_leads_to_the_form(client, shop, role, offered):
    page = opened(as_(client, role), "environments").content.decode()

    assert (f"{reverse('portal:put-hold')}?environment=test" in page) is offered


# -- putting ----------------------------------------------------------------------------------------------------------


def a_manager_of(client: Client, project: Project | None = None, environment: str | None = None) -> User:
    place = an_environment(environment) if environment else None
    rita = a_user("rita", role="release_manager", project=project, environment=place)
    client.force_login(rita)
    return rita


def sent(client: Client, **fields: str):
    """The form as somebody sends it who has chosen every project and every environment, but for `fields`."""
    everything = {"project": "*", "environment": "*", "reason": "Database migration"}
    return client.post(reverse("portal:put-hold"), everything | fields)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({}, "The whole portal"),
        ({"environment": "prod"}, "PROD"),
        ({"project": "shop"}, "Shop"),
        ({"project": "shop", "environment": "prod"}, "Shop in PROD"),
    ],
)
def test_it_is_put_on_hold(client, shop, fields, what):
    rita = a_manager_of(client)

    response = client.get(sent(client, **fields).url)

    assert f"{what} is on hold. {GOES_ON}" in said(response)
    assert Hold.objects.standing().get().by == rita


def test_what_the_address_names_is_chosen_beforehand(client, shop):
    a_manager_of(client)

    page = opened(client, "put-hold", project="shop", environment="prod").content.decode()

    assert '<option value="shop" selected>' in page
    assert '<option value="prod" selected>' in page


def test_components_are_not_offered(client, shop):
    a_manager_of(client)

    assert '<option value="ui"' not in opened(client, "put-hold").content.decode()


@pytest.mark.parametrize(
    ("of_shop", "environment", "offered"),
    [
        (False, None, ["Every project", "Every environment"]),
        (True, None, ["Every environment"]),
        (False, "TEST", ["Every project"]),
        (True, "TEST", []),
    ],
)
def test_every_is_offered_only_where_a_grant_is_for_every(client, shop, of_shop, environment, offered):
    a_manager_of(client, shop if of_shop else None, environment)

    page = said(opened(client, "put-hold"))

    assert [words for words in ("Every project", "Every environment") if words in page] == offered


@pytest.mark.parametrize(("of_shop", "environment"), [(True, "TEST"), (False, None)])
def test_whoever_has_to_choose_is_told_so(client, shop, of_shop, environment):
    a_manager_of(client, shop if of_shop else None, environment)

    assert errors_of(sent(client, project="", environment="", reason="")) == [
        "Choose what to hold.",
        "Choose where.",
        "Say why, so that whoever meets the hold knows what it waits for.",
    ]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"project": "nowhere"}, "Choose one of those that are on offer."),
        (
            {"project": "shop", "environment": "staging"},
            "STAGING is not part of the lifecycle of Shop: TEST, then PROD.",
        ),
        ({"reason": "x" * 2001}, "Keep it under 2,000 characters."),
    ],
)
def test_what_cannot_be_put_is_refused_beside_the_form(client, shop, fields, error):
    a_stack("Lab", lifecycle=a_lifecycle("STAGING"))
    a_manager_of(client)

    response = sent(client, **fields)

    assert (response.status_code, errors_of(response)) == (422, [error])
    assert not Hold.objects.exists()


def test_two_grants_that_do_not_cover_it_together_are_refused(client, shop):
    a_manager_of(client, shop)
    a_manager_of(client, None, "PROD")

    response = sent(client)

    (error,) = errors_of(response)
    assert response.status_code == 422
    assert "for every project in every environment" in error


def test_what_is_on_hold_already_is_said_with_who_put_it(client, shop):
    put(shop)
    a_manager_of(client)

    (error,) = errors_of(sent(client, project="shop"))

    assert error.startswith("It is on hold already. On hold: Shop since ")


# -- releasing --------------------------------------------------------------------------------------------------------


def test_before_it_is_released_the_page_says_what_starts(client, shop):
    row = put(shop)
    train = requested(a_release(shop))
    a_manager_of(client)

    page = opened(client, "release-hold", row.pk)

    assert title_of(page) == "Release the hold of Shop?"
    assert f"What starts then {train.release} to TEST mia, just now" in said(page)


def test_releasing_it_starts_what_has_waited(client, shop):
    row = put(shop)
    train = requested(a_release(shop))
    a_manager_of(client)

    response = client.post(reverse("portal:release-hold", args=[row.pk]), {"reason": "Migrated"}, follow=True)

    assert "The hold of Shop is released: what waited starts now." in said(response)
    assert Deployment.objects.get(pk=train.pk).status == Status.RUNNING


def test_what_was_released_meanwhile_is_told(client, shop):
    row = put(shop)
    release_hold(row, by=a_manager())
    a_manager_of(client)

    response = client.post(reverse("portal:release-hold", args=[row.pk]))

    assert errors_of(response) == ["mia has released the hold of Shop already."]
    assert "mia has released it just now, so that there is nothing left to do." in said(response)
    assert buttons_of(response) == []


# -- Django admin -----------------------------------------------------------------------------------------------------


def test_an_administrator_looks_at_holds_and_changes_none(client, shop):
    row = put(shop, "PROD")
    client.force_login(an_administrator())

    listed = client.get(reverse("admin:deployments_hold_changelist"))
    shown = client.get(reverse("admin:deployments_hold_change", args=[row.pk]))

    assert b"Shop in PROD" in listed.content
    assert b"Database migration" in shown.content
    assert b'name="_save"' not in shown.content
    assert client.get(reverse("admin:deployments_hold_add")).status_code == 403
