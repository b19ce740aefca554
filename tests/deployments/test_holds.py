"""A hold keeps new deployments from starting, lets what runs end, and gives way once to what has waited."""

import threading
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Event, User
from deployments import holding, holds, on_hold, policy, sweep, train
from deployments.actions import DeploymentRefused
from deployments.holds import release_hold
from deployments.models import Deployment, Hold, Status, move
from deployments.policy import Blocker, Stops
from lifecycles.models import Environment
from projects.models import Project
from tests.deployments.rows import a_row, a_rows_shop, approved, claimed, ended, interrupted, run_out
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_lifecycle, a_lone_project, a_release, a_stack, a_user, an_environment

pytestmark = pytest.mark.django_db


def held(
    project: Project | None = None,
    environment: str | None = None,
    reason: str = "Database migration",
    by: User | None = None,
) -> Hold:
    place = an_environment(environment) if environment else None
    return holds.hold(project, place, by=by or a_manager(), reason=reason)


def a_website() -> Project:
    return a_lone_project("Website")


def status_of(deployment: Deployment) -> str:
    deployment.refresh_from_db()
    return deployment.status


# -- putting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_shop", "environment", "what"),
    [
        (False, None, "the whole portal"),
        (False, "PROD", "PROD"),
        (True, None, "Shop"),
        (True, "PROD", "Shop in PROD"),
    ],
)
def test_it_is_on_record_who_put_what_on_hold_and_why(of_shop, environment, what):
    shop = a_rows_shop()

    row = held(shop if of_shop else None, environment, " Database migration ")

    assert (row.what, row.reason, str(row.by)) == (what, "Database migration", "mia")
    line = Event.objects.get(verb="hold.put")
    assert (line.sentence, line.project) == (
        f"mia put {what} on hold: Database migration",
        shop if of_shop else None,
    )


def test_a_project_on_its_own_is_put_on_hold_like_a_stack():
    assert held(a_website(), "TEST").what == "Website in TEST"


@pytest.mark.parametrize("reason", ["", "  \n "])
def test_it_takes_a_reason(reason):
    with pytest.raises(DeploymentRefused) as refused:
        held(a_rows_shop(), reason=reason)

    assert (refused.value.code, refused.value.sentence) == (
        "reason_missing",
        "Say why, so that whoever meets the hold knows what it waits for.",
    )
    assert not Hold.objects.exists()


def test_a_component_is_held_with_its_stack():
    ui = a_rows_shop().components.get(name="UI")

    with pytest.raises(DeploymentRefused) as refused:
        held(ui)

    assert (refused.value.code, refused.value.sentence) == (
        "part_of_stack",
        "UI is part of Shop. Put Shop on hold, and its components with it.",
    )


def test_where_a_project_never_goes_it_is_not_held():
    with pytest.raises(DeploymentRefused) as refused:
        held(a_rows_shop(), "STAGING")

    assert (refused.value.code, refused.value.sentence) == (
        "outside",
        "STAGING is not part of the lifecycle of Shop: TEST, then PROD.",
    )


@pytest.mark.parametrize("environment", [None, "PROD"])
@pytest.mark.parametrize("of_shop", [True, False])
def test_what_is_on_hold_is_not_put_on_hold_again(of_shop, environment):
    shop = a_rows_shop() if of_shop else None
    first = held(shop, environment)

    with pytest.raises(DeploymentRefused) as refused:
        held(shop, environment, "Stocktaking")

    assert refused.value.code == "on_hold_already"
    assert refused.value.sentence == f"It is on hold already. {on_hold.sentence_of(first)}"
    assert Hold.objects.get() == first


def test_other_scopes_may_be_on_hold_beside_it():
    shop = a_rows_shop()
    held(shop, "PROD")

    held(shop)
    held(None, "PROD")
    held()

    assert Hold.objects.standing().count() == 4


def test_what_was_released_may_be_put_on_hold_again():
    shop = a_rows_shop()
    release_hold(held(shop), by=a_manager())

    held(shop)

    assert Hold.objects.standing().count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_people_at_once_one_puts_the_hold():
    shop, mia = a_rows_shop(), a_manager()
    told: list[object] = []
    together = threading.Barrier(2)

    def put() -> None:
        together.wait(10)
        try:
            told.append(holds.hold(shop, None, by=mia, reason="Database migration").what)
        except DeploymentRefused as refusal:
            told.append(refusal.code)
        finally:
            connection.close()

    people = [threading.Thread(target=put) for _ in range(2)]
    [person.start() for person in people]
    [person.join(30) for person in people]

    assert sorted(told) == ["Shop", "on_hold_already"]
    assert Hold.objects.count() == 1


# -- who may ----------------------------------------------------------------------------------------------------------

SCOPES = {"portal": (False, None), "PROD": (False, "PROD"), "Shop": (True, None), "Shop in PROD": (True, "PROD")}
COVERED = {
    (False, None): ["portal", "PROD", "Shop", "Shop in PROD"],
    (False, "PROD"): ["PROD", "Shop in PROD"],
    (True, None): ["Shop", "Shop in PROD"],
    (True, "PROD"): ["Shop in PROD"],
    (True, "TEST"): [],
}


def may_hold(by: User, shop: Project, scope: str) -> bool:
    """Put it and release it again, as this person."""
    of_shop, environment = SCOPES[scope]
    try:
        release_hold(held(shop if of_shop else None, environment, by=by), by=by)
    except PermissionDenied:
        return False
    return True


@pytest.mark.parametrize(("of_shop", "environment"), COVERED)
def test_it_takes_a_grant_that_covers_all_of_it(of_shop, environment):
    shop = a_rows_shop()
    place = an_environment(environment) if environment else None
    rita = a_user("rita", role="release_manager", project=shop if of_shop else None, environment=place)

    opened = [scope for scope in SCOPES if may_hold(rita, shop, scope)]

    assert opened == COVERED[of_shop, environment]


@pytest.mark.parametrize("role", [None, "viewer", "business_viewer", "deployer", "approver", "administrator"])
def test_nobody_but_a_release_manager_may(role):
    shop = a_rows_shop()
    ann = a_user("ann", role=role)

    assert [scope for scope in SCOPES if may_hold(ann, shop, scope)] == []


def test_grants_for_parts_do_not_add_up_to_everything():
    shop = a_rows_shop()
    rita = a_user("rita", role="release_manager", project=shop, environment=an_environment("TEST"))
    a_user("rita", role="release_manager", project=shop, environment=an_environment("PROD"))

    with pytest.raises(PermissionDenied, match="for Shop in every environment"):
        held(shop, by=rita)


def test_whoever_may_not_is_told_what_it_takes():
    sentence = (
        "You may not roll back, deploy one component alone, cancel, resolve or hold for every project in PROD. It takes"
        " the role release manager; ask an administrator for it."
    )

    with pytest.raises(PermissionDenied, match=sentence):
        held(None, "PROD", by=a_user("dan", role="deployer"))


def test_releasing_takes_the_same_right_as_putting():
    shop = a_rows_shop()
    row = held()
    rita = a_user("rita", role="release_manager", project=shop)

    with pytest.raises(PermissionDenied, match="for every project in every environment"):
        release_hold(row, by=rita)

    assert Hold.objects.standing().get() == row


# -- whom it concerns -------------------------------------------------------------------------------------------------

EVERYTHING = {"Shop TEST", "Shop PROD", "UI TEST", "UI PROD", "Website TEST", "Website PROD"}
CONCERNED = {
    (None, None): EVERYTHING,
    (None, "PROD"): {"Shop PROD", "UI PROD", "Website PROD"},
    ("Shop", None): {"Shop TEST", "Shop PROD", "UI TEST", "UI PROD"},
    ("Shop", "PROD"): {"Shop PROD", "UI PROD"},
    ("Website", "TEST"): {"Website TEST"},
}


def places() -> list[tuple[str, Project, Environment]]:
    projects = Project.objects.filter(name__in=("Shop", "UI", "Website")).select_related("parent")
    environments = list(Environment.objects.filter(name__in=("TEST", "PROD")))
    return [(f"{project} {place}", project, place) for project in projects for place in environments]


@pytest.fixture
def two_projects() -> None:
    a_rows_shop()
    a_website()


@pytest.mark.parametrize(("project", "environment"), CONCERNED)
def test_a_hold_concerns_what_lies_within_its_scope(two_projects, project, environment):
    row = held(Project.objects.filter(name=project).first() if project else None, environment)

    assert {name for name, what, where in places() if on_hold.keeping(what, where)} == CONCERNED[project, environment]
    assert {n for n, what, where in places() if on_hold.concerns(row, what, where)} == CONCERNED[project, environment]


@pytest.mark.parametrize(("project", "environment"), CONCERNED)
def test_the_database_and_the_rows_agree_on_what_is_held(two_projects, project, environment):
    rows = [a_row(Status.SCHEDULED, a_release(what), where) for _, what, where in places() if not what.parent]
    ui = Project.objects.get(name="UI").releases.get()
    rows += [a_row(Status.SCHEDULED, ui, place) for place in Environment.objects.filter(name__in=("TEST", "PROD"))]
    row = held(Project.objects.filter(name=project).first() if project else None, environment)

    found = Deployment.objects.filter(on_hold.is_held()).select_related("project", "environment")

    assert {f"{row.project} {row.environment}" for row in found} == CONCERNED[project, environment]
    assert set(on_hold.kept_by(row)) == set(found)
    assert len(rows) == 6


def test_whether_it_is_held_may_be_asked_within_a_single_update():
    row = a_row(Status.QUEUED, a_release(a_website()))
    held()

    with CaptureQueriesContext(connection) as queries:
        changed = Deployment.objects.filter(~on_hold.is_held(), pk=row.pk).update(reason="Taken")

    assert (changed, len(queries)) == (0, 1)
    assert "IN (SELECT" not in queries[0]["sql"]


@pytest.mark.parametrize(("project", "environment"), CONCERNED)
def test_it_is_shown_to_those_who_see_what_it_concerns(two_projects, project, environment):
    row = held(Project.objects.filter(name=project).first() if project else None, environment)

    shown = {name for name in ("Shop", "UI", "Website") if row in seen_by(name)}

    assert shown == {name.split()[0] for name in CONCERNED[project, environment]}


def seen_by(name: str) -> list[Hold]:
    return on_hold.standing_over(Project.objects.filter(name=name))


def test_who_has_no_project_is_shown_nothing(two_projects):
    held()

    assert on_hold.standing_over(Project.objects.none()) == []


def test_an_environment_that_none_of_ones_projects_goes_to_is_not_told_of():
    a_lone_project("Website", lifecycle=a_lifecycle("DEV"))
    held(None, "PROD")

    assert seen_by("Website") == []


@pytest.mark.parametrize("count", [1, 5])
def test_the_holds_of_many_projects_are_read_with_one_query(two_projects, count):
    [held(a_stack(f"Stack {number}")) for number in range(count)]
    projects = Project.objects.all()

    with CaptureQueriesContext(connection) as queries:
        found = [on_hold.sentence_of(row) for row in on_hold.standing_over(projects)]

    assert (len(found), len(queries)) == (count, 1)


# -- what it says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "said"), [("Database migration", "Database migration."), ("Stop! It leaks.", "Stop! It leaks.")]
)
def test_it_says_who_put_what_on_hold_since_when_and_why(reason, said):
    row = held(a_rows_shop(), "PROD", reason)

    assert on_hold.sentence_of(row) == f"On hold: Shop in PROD since {timezone.localtime(row.at):%H:%M} — mia: {said}"


def test_it_names_the_day_where_that_is_not_today():
    row = held(a_rows_shop())
    row.at = datetime(2026, 3, 2, 14, 3, tzinfo=timezone.get_current_timezone())

    assert on_hold.sentence_of(row) == "On hold: Shop since 2 March 2026, 14:03 — mia: Database migration."


# -- what it keeps from starting --------------------------------------------------------------------------------------


def test_it_is_a_reason_that_stops_only_the_start():
    release = a_release(a_rows_shop())
    row = held(None, "TEST")

    found = policy.why_not_deployable(release, an_environment("TEST"), by=a_manager())

    assert found == [Blocker("on_hold", on_hold.sentence_of(row), Stops.STARTING)]


def test_every_hold_that_concerns_it_is_named():
    shop = a_rows_shop()
    held(shop)
    held(None, "TEST")

    found = policy.why_not_deployable(a_release(shop), an_environment("TEST"))

    assert [blocker.code for blocker in found] == ["on_hold", "on_hold"]


def test_a_request_waits_and_is_not_started_by_the_sweep():
    shop = a_rows_shop()
    held(shop)

    train_ = requested(a_release(shop))
    sweep.start_scheduled()

    assert status_of(train_) == Status.SCHEDULED


def test_a_request_may_be_approved_and_then_waits():
    shop, otto = a_rows_shop(), a_gate("TEST")
    train_ = requested(a_release(shop))
    held(shop)

    approved(train_, otto)

    assert status_of(train_) == Status.SCHEDULED


def test_what_has_been_asked_for_still_expires_and_may_be_cancelled():
    shop = a_rows_shop()
    held(shop)
    train_ = requested(a_release(shop), not_after=timezone.now() + timedelta(hours=1))
    Deployment.objects.update(not_after=timezone.now())

    sweep.expire()

    assert status_of(train_) == Status.EXPIRED


def test_a_project_on_its_own_that_no_worker_has_claimed_does_not_start():
    alone = requested(a_release(a_website()))
    held(alone.project)

    found = holding.claim_next("default")

    assert (found, status_of(alone)) == (None, Status.QUEUED)


def test_a_message_that_comes_late_does_not_start_it_either():
    alone = requested(a_release(a_website()))
    held()

    assert holding.claim(alone.pk, "default") is None
    assert status_of(alone) == Status.QUEUED


def test_a_component_that_goes_alone_waits_with_its_stack():
    shop = a_rows_shop()
    a_release(shop)
    alone = requested(shop.components.get(name="UI").releases.get(), reason="It cannot wait.")
    held(shop, "TEST")

    found = holding.claim_next("default")

    assert (found, status_of(alone)) == (None, Status.QUEUED)


def test_what_is_not_on_hold_is_claimed_although_something_older_is():
    website = requested(a_release(a_website()))
    held(website.project)
    train_ = requested(a_release(a_rows_shop()))

    assert claimed().parent == train_


def test_however_much_is_on_hold_what_is_not_finds_its_worker():
    website = a_release(a_website())
    [a_row(Status.QUEUED, website, an_environment(f"E{number}")) for number in range(25)]
    held(website.project)
    train_ = requested(a_release(a_rows_shop()))

    assert claimed().parent == train_


# -- what goes on -----------------------------------------------------------------------------------------------------


def test_a_train_that_is_on_its_way_goes_on_to_its_end():
    shop = a_rows_shop()
    train_ = requested(a_release(shop))
    held(shop)

    run_out()

    assert status_of(train_) == Status.SUCCEEDED
    assert [child.status for child in train_.children.all()] == [Status.SUCCEEDED] * 2


def test_a_script_that_runs_goes_on_to_its_end():
    requested(a_release(a_website()))
    script = claimed()
    held()

    ended(script)

    assert status_of(script) == Status.SUCCEEDED


def test_what_has_started_may_be_tried_again():
    requested(a_release(a_website()))
    script = interrupted(claimed())
    held()
    move(script.pk, Status.QUEUED)

    assert claimed() == script


# -- releasing --------------------------------------------------------------------------------------------------------


def test_it_is_on_record_who_released_it_when_and_why():
    row = held(a_rows_shop(), "PROD")

    released = release_hold(row, by=a_user("rita", role="release_manager"), reason=" It is through ")

    row.refresh_from_db()
    assert (str(row.released_by), row.released_because, row.released_at) == (
        "rita",
        "It is through",
        released.released_at,
    )
    assert Event.objects.get(verb="hold.released").sentence == ("rita released the hold of Shop in PROD: It is through")


def test_it_is_released_once():
    row = held()
    release_hold(row, by=a_manager())

    with pytest.raises(DeploymentRefused) as refused:
        release_hold(row, by=a_manager())

    assert (refused.value.code, refused.value.sentence) == (
        "released_already",
        "mia has released the hold of the whole portal already.",
    )


def test_what_has_waited_starts_at_once_and_exactly_once():
    shop = a_rows_shop()
    row = held(shop)
    train_ = requested(a_release(shop))

    release_hold(row, by=a_manager())
    sweep.start_scheduled()
    train.start_if_clear(train_)

    assert status_of(train_) == Status.RUNNING
    assert train_.children.count() == 2
    assert Event.objects.filter(verb="deployment.started", subject_id=str(train_.pk)).count() == 1


def test_the_doorbell_rings_for_what_waited_in_the_queue(django_capture_on_commit_callbacks, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    alone = requested(a_release(a_website()))
    row = held()
    Deployment.objects.update(rung_at=None, rung_count=0)

    with django_capture_on_commit_callbacks() as rung:
        release_hold(row, by=a_manager())

    alone.refresh_from_db()
    assert (len(rung), alone.rung_count) == (1, 1)


def test_what_another_hold_concerns_goes_on_waiting():
    shop = a_rows_shop()
    first = held(shop)
    held(None, "TEST")
    train_ = requested(a_release(shop))

    release_hold(first, by=a_manager())

    assert status_of(train_) == Status.SCHEDULED


def test_what_has_to_wait_for_something_else_goes_on_waiting():
    shop = a_rows_shop()
    row = held(shop)
    train_ = requested(a_release(shop), start_at=timezone.now() + timedelta(hours=1))

    release_hold(row, by=a_manager())

    assert status_of(train_) == Status.SCHEDULED


def test_what_still_needs_an_approval_goes_on_waiting_for_it():
    shop = a_rows_shop()
    a_gate("TEST")
    row = held(shop)
    train_ = requested(a_release(shop))

    release_hold(row, by=a_manager())

    assert status_of(train_) == Status.REQUESTED


def test_more_than_a_person_may_be_kept_waiting_for_is_left_to_the_sweep(monkeypatch):
    monkeypatch.setattr(holds, "AT_ONCE", 1)
    row = held()
    first, second = requested(a_release(a_website())), requested(a_release(a_rows_shop()))

    release_hold(row, by=a_manager())
    between = (status_of(first), status_of(second))
    sweep.start_scheduled()

    assert between == (Status.QUEUED, Status.SCHEDULED)
    assert status_of(second) == Status.RUNNING


# -- the sweep --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 4])
def test_however_much_is_on_hold_the_sweep_asks_once(count):
    shop = a_rows_shop()
    release = a_release(shop)
    held(shop)
    [a_row(Status.SCHEDULED, release, an_environment(f"E{number}")) for number in range(count)]

    with CaptureQueriesContext(connection) as queries:
        sweep.start_scheduled()

    assert len(queries) == 1
    assert Deployment.objects.filter(status=Status.SCHEDULED).count() == count


def test_what_is_on_hold_keeps_nobody_else_out_of_the_sweep(monkeypatch):
    monkeypatch.setattr(sweep, "AT_ONCE", 1)
    shop = a_rows_shop()
    held(shop)
    requested(a_release(shop))
    website = a_row(Status.SCHEDULED, a_release(a_website()))

    sweep.start_scheduled()

    assert status_of(website) == Status.QUEUED


# -- what the database refuses ----------------------------------------------------------------------------------------


def refused(match: str) -> object:
    return pytest.raises(IntegrityError, match=match)


def a_hold(**fields: object) -> Hold:
    return Hold.objects.create(**({"reason": "Migration", "by": a_manager()} | fields))


@pytest.mark.parametrize("environment", [None, "PROD"])
@pytest.mark.parametrize("of_shop", [True, False])
def test_one_hold_of_a_scope_stands(of_shop, environment):
    scope = {
        "project": a_rows_shop() if of_shop else None,
        "environment": an_environment(environment) if environment else None,
    }
    a_hold(**scope)

    with refused("hold_one_standing"), transaction.atomic():
        a_hold(**scope)

    assert Hold.objects.count() == 1


def test_a_hold_without_a_reason_is_refused():
    with refused("hold_has_a_reason"), transaction.atomic():
        a_hold(reason="")

    assert not Hold.objects.exists()


@pytest.mark.parametrize("field", ["released_at", "released_by"])
def test_a_hold_is_released_by_somebody_at_some_time(field):
    value = {"released_at": timezone.now(), "released_by": a_manager()}[field]

    with refused("hold_released_by_somebody"), transaction.atomic():
        a_hold(**{field: value})

    assert not Hold.objects.exists()


def test_a_hold_is_never_deleted():
    row = a_hold()

    with refused("A hold is never deleted: it is released."), transaction.atomic():
        Hold.objects.filter(pk=row.pk).delete()

    assert Hold.objects.get() == row


@pytest.mark.parametrize("field", ["project", "environment", "reason", "by", "at"])
def test_a_hold_is_never_changed(field):
    row = a_hold()
    new = {
        "project": a_rows_shop(),
        "environment": an_environment(),
        "reason": "Another",
        "by": a_user("ann"),
        "at": timezone.now(),
    }

    with refused("A hold is never changed"), transaction.atomic():
        Hold.objects.filter(pk=row.pk).update(**{field: new[field]})

    assert Hold.objects.get().reason == "Migration"


@pytest.mark.parametrize("field", ["released_at", "released_by", "released_because"])
def test_a_released_hold_stays_as_it_is(field):
    row = release_hold(a_hold(), by=a_manager(), reason="Done")
    new = {"released_at": timezone.now(), "released_by": a_user("ann"), "released_because": "Another"}

    with refused("A released hold stays as it is."), transaction.atomic():
        Hold.objects.filter(pk=row.pk).update(**{field: new[field]})

    assert Hold.objects.get().released_because == "Done"
