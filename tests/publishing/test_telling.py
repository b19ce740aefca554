"""What happens becomes a notice once, in words; what concerns nobody becomes none."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Event
from accounts.trail import record
from deployments import actions, holds
from deployments.models import LiveVersion, Status
from publishing.messages import outlook
from publishing.models import Delivery, Kind, Notice, Outlook, Seen
from tests.deployments.rows import a_rows_shop, claimed, ended, failed, interrupted, run_out, went_live
from tests.deployments.scenes import a_gate, a_manager, requested, seen_plan
from tests.factories import a_lone_project, a_release, an_environment

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def begun() -> None:
    """Somebody has looked before."""
    outlook.look_round()


def told() -> list[tuple[str, str]]:
    """Kind and title of everything that has been noticed, in its order, after one more look."""
    outlook.look_round()
    return list(Notice.objects.order_by("pk").values_list("kind", "subject"))


def the(kind: Kind) -> Notice:
    outlook.look_round()
    return Notice.objects.get(kind=kind)


def test_a_train_speaks_for_its_components():
    went_live(a_release(a_rows_shop(), "1.0.0"))

    assert told() == [("started", "Shop 1.0.0 to TEST has started"), ("finished", "Shop 1.0.0 is live in TEST")]


def test_a_project_on_its_own_speaks_for_itself():
    went_live(a_release(a_lone_project("Website"), "1.0.0"))

    assert told() == [
        ("started", "Website 1.0.0 to TEST has started"),
        ("finished", "Website 1.0.0 is live in TEST"),
    ]


def test_a_second_attempt_has_not_started_once_more():
    row = requested(a_release(a_lone_project("Website"), "1.0.0"))
    for _ in range(2):
        record(None, "deployment.claimed", row, f"{row} is carried out.")

    assert told() == [("started", "Website 1.0.0 to TEST has started")]


def test_a_request_waits_for_a_decision_with_the_reason_that_was_given():
    a_gate("TEST")
    row = requested(a_release(a_rows_shop(), "1.0.0"), reason="The ward needs it")

    notice = the(Kind.DECISION_NEEDED)

    assert (notice.deployment, notice.project, notice.environment) == (row, row.project, row.environment)
    assert notice.subject == "Shop 1.0.0 to TEST waits for a decision"
    assert notice.sentence == "mia asked for Shop 1.0.0 to TEST. Reason: The ward needs it"
    assert notice.data["release"] == "1.0.0"


def test_what_nobody_has_to_approve_waits_for_no_decision():
    requested(a_release(a_rows_shop(), "1.0.0"))

    assert "decision_needed" not in dict(told())


def test_a_decision_is_told_with_its_comment():
    otto = a_gate("TEST")
    row = requested(a_release(a_rows_shop(), "1.0.0"))
    actions.approve(row, by=otto, fingerprint=seen_plan(row), comment="Good")

    assert the(Kind.APPROVED).sentence == "otto approved Shop 1.0.0 to TEST. “Good”"


def test_a_rejection_is_told_once():
    otto = a_gate("TEST")
    row = requested(a_release(a_rows_shop(), "1.0.0"))
    actions.reject(row, by=otto, fingerprint=seen_plan(row), comment="Not on a Friday")

    assert "Not on a Friday" in the(Kind.REJECTED).sentence
    assert [kind for kind, _ in told()] == ["decision_needed", "rejected"]


def test_a_changed_plan_waits_for_a_decision_again():
    otto = a_gate("TEST", minimum=2)
    row = requested(a_release(a_rows_shop(), "1.0.0"))
    actions.approve(row, by=otto, fingerprint=seen_plan(row))
    record(None, "deployment.replanned", row, f"{row} needs new approvals. The plan changed.")

    assert [kind for kind, _ in told()] == ["decision_needed", "approved", "decision_needed"]
    assert Notice.objects.latest("pk").sentence == "Shop 1.0.0 to TEST needs new approvals. The plan changed."


def test_an_approval_that_was_taken_back_is_waited_for_again():
    otto = a_gate("TEST")
    row = requested(a_release(a_rows_shop(), "1.0.0"), start_at=timezone.now() + timedelta(hours=1))
    actions.approve(row, by=otto, fingerprint=seen_plan(row))
    actions.withdraw_approval(row, by=otto)

    assert [kind for kind, _ in told()] == ["decision_needed", "approved", "decision_needed"]


def test_a_failed_train_is_told_once_and_not_of_each_component():
    failed(a_release(a_rows_shop(), "1.0.0"))

    assert told() == [("started", "Shop 1.0.0 to TEST has started"), ("failed", "Shop 1.0.0 to TEST failed")]


def test_what_nobody_knows_the_end_of_is_told_of_each_script_and_not_of_its_train():
    train_ = requested(a_release(a_rows_shop(), "1.0.0"))
    script = interrupted(claimed())
    record(None, "deployment.interrupted", script, f"{script}: Outcome unknown: web1 has been silent.")

    notice = the(Kind.INTERRUPTED)

    assert notice.deployment == train_
    assert notice.subject == "API 1.0.1 to TEST waits for a person" or notice.subject.startswith("API")
    assert "web1 has been silent" in notice.sentence
    assert Event.objects.filter(verb="deployment.needs_attention", subject_id=str(train_.pk)).exists()


def test_what_was_cancelled_or_has_expired_is_told():
    mia = a_manager()
    a_gate("TEST")
    first = requested(a_release(a_rows_shop(), "1.0.0"))
    actions.cancel(first, by=mia, reason="Wrong one")
    second = requested(a_release(a_lone_project("Website"), "1.0.0"))
    record(None, "deployment.expired", second, f"{second} had not started by then, its latest start.")

    titles = [title for kind, title in told() if kind == "cancelled"]

    assert titles == ["Shop 1.0.0 to TEST was cancelled", "Website 1.0.0 to TEST has expired"]


def test_what_a_newer_request_replaces_is_not_told_beside_it():
    a_gate("TEST")
    shop = a_rows_shop()
    requested(a_release(shop, "1.0.0", ui="1.0.0"))
    requested(a_release(shop, "1.0.1", ui="1.0.1"))

    assert [kind for kind, _ in told()] == ["decision_needed", "decision_needed"]


def test_a_component_that_went_alone_is_out_of_step():
    shop = a_rows_shop()
    went_live(a_release(shop, "1.0.0", ui="1.0.0"))
    newer = a_release(shop, "1.1.0", ui="1.1.0").components.get(component__slug="ui").release
    went_live(newer)

    notice = the(Kind.OUT_OF_STEP)

    assert notice.subject == "UI is out of step in TEST"
    assert notice.sentence.startswith("UI is out of step in TEST. Out of step: 1.0.0 names")


def test_a_train_that_failed_on_its_way_leaves_what_it_had_deployed_out_of_step():
    shop = a_rows_shop()
    went_live(a_release(shop, "1.0.0"))
    requested(a_release(shop, "1.1.0", api="1.1.0", ui="1.1.0"))
    ended(claimed())
    run_out(Status.FAILED)

    assert the(Kind.OUT_OF_STEP).subject == "API is out of step in TEST"


def test_a_success_that_brings_the_stack_back_into_step_tells_only_of_itself():
    shop = a_rows_shop()
    went_live(a_release(shop, "1.0.0", ui="1.0.0"))
    second = a_release(shop, "1.1.0", ui="1.1.0")
    went_live(second.components.get(component__slug="ui").release)
    went_live(second)

    assert [kind for kind, _ in told()][-2:] == ["started", "finished"]
    assert LiveVersion.objects.now().filter(project=shop).exists()


def test_a_hold_is_told_when_it_is_put_and_when_it_is_released():
    mia, shop = a_manager(), a_rows_shop()
    row = holds.hold(shop, an_environment("TEST"), by=mia, reason="Stocktaking")
    holds.release_hold(row, by=mia)

    assert told() == [("hold", "Shop in TEST is on hold"), ("hold", "The hold of Shop in TEST is released")]


# -- looking ----------------------------------------------------------------------------------------------------------


def test_looking_twice_tells_once():
    went_live(a_release(a_rows_shop(), "1.0.0"))

    assert told() == told()


def test_what_was_before_the_first_look_is_history(monkeypatch):
    went_live(a_release(a_rows_shop(), "1.0.0"))
    Outlook.objects.all().delete()
    monkeypatch.setattr(outlook, "FIRST_LOOK", timedelta(0))

    assert told() == []


def test_what_became_visible_late_is_told_all_the_same(monkeypatch):
    went_live(a_release(a_rows_shop(), "1.0.0"))
    outlook.look_round()
    late = Event.objects.filter(verb="deployment.succeeded").latest("pk")
    Delivery.objects.filter(notice__event=late).delete()
    Notice.objects.filter(event=late).delete()
    Seen.objects.filter(event=late).delete()
    later = timezone.now() + timedelta(minutes=50)
    Outlook.objects.update(until=later)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert "finished" not in dict(told())

    monkeypatch.setattr(timezone, "now", lambda: later + timedelta(minutes=1))

    assert "finished" in dict(told())


def test_after_days_without_any_worker_everything_is_told(pass_days):
    went_live(a_release(a_rows_shop(), "1.0.0"))
    pass_days(3)

    assert [kind for kind, _ in told()] == ["started", "finished"]


def test_more_than_one_transaction_s_worth_is_told_in_its_order(monkeypatch):
    monkeypatch.setattr(outlook, "AT_ONCE", 2)
    shop = a_rows_shop()
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        went_live(a_release(shop, version, ui=version))

    assert [title for kind, title in told() if kind == "finished"] == [
        f"Shop {number} is live in TEST" for number in ("1.0.0", "1.1.0", "1.2.0")
    ]


def test_what_was_seen_is_forgotten_when_it_cannot_come_up_again():
    went_live(a_release(a_rows_shop(), "1.0.0"))
    told()
    Seen.objects.update(at=timezone.now() - timedelta(hours=3))
    Outlook.objects.update(until=timezone.now() - timedelta(minutes=5))

    outlook.look_round()

    assert not Seen.objects.exists()


def test_one_line_that_cannot_be_told_keeps_no_other_from_being_told(monkeypatch, caplog):
    went_live(a_release(a_rows_shop(), "1.0.0"))
    broken = Event.objects.get(verb="deployment.started")
    tell = outlook._tell

    def tell_or_break(event, draft):
        if event.pk == broken.pk:
            raise RuntimeError("broken")
        return tell(event, draft)

    monkeypatch.setattr(outlook, "_tell", tell_or_break)
    assert [kind for kind, _ in told()] == ["finished"]
    monkeypatch.undo()

    assert [kind for kind, _ in told()] == ["finished", "started"]
    assert "could not be told of and is looked at again" in caplog.text
