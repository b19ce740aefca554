"""Who is told: only who may see it, never of one's own acts, and as everybody has chosen."""

from datetime import UTC, datetime

import pytest

from accounts.models import Role
from deployments import actions, holds
from publishing.messages import outlook
from publishing.messages.audience import next_digest, wish_of
from publishing.models import Delivery, Kind, Subscription
from tests.deployments.rows import a_rows_shop, failed, went_live
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import (
    a_channel,
    a_component,
    a_group,
    a_lone_project,
    a_release,
    a_rule,
    a_service_account,
    a_subscription,
    a_user,
    an_administrator,
    an_environment,
)

pytestmark = pytest.mark.django_db
DAILY, OFF = Subscription.Timing.DAILY, Subscription.Timing.OFF


@pytest.fixture(autouse=True)
def begun() -> None:
    """Somebody has looked before."""
    outlook.look_round()


def with_mail(user):
    user.email = f"{user.username}@example.org"
    user.save()
    return user


def told(kind: Kind, state: str = "waiting") -> list[str]:
    """Who is told of this, after a look, each time that it happened."""
    outlook.look_round()
    rows = Delivery.objects.filter(notice__kind=kind, state=state).order_by("pk")
    return [row.recipient for row in rows.select_related("person", "channel")]


# -- which of several subscriptions counts ----------------------------------------------------------------------------


def a_row(timing: str, project: int | None = None, environment: int | None = None, hour: int = 8) -> Subscription:
    return Subscription(timing=timing, project_id=project, environment_id=environment, hour=hour)


@pytest.mark.parametrize(
    ("own", "of_roles", "by_default", "expected"),
    [
        ([], [], False, None),
        ([], [], True, "at_once"),
        ([], [a_row("daily")], True, "daily"),
        ([a_row("off")], [a_row("at_once")], True, "off"),
        ([a_row("off"), a_row("at_once", project=1)], [], True, "at_once"),
        ([a_row("at_once"), a_row("off", project=1)], [], True, "off"),
        ([a_row("daily", environment=1), a_row("off", project=1)], [], True, "off"),
        ([a_row("daily", project=1, environment=1), a_row("off", project=1)], [], True, "daily"),
        ([a_row("off"), a_row("daily"), a_row("at_once")], [], False, "at_once"),
    ],
)
def test_the_narrowest_counts_and_ones_own_before_a_role_s(own, of_roles, by_default, expected):
    wish = wish_of(own, of_roles, by_default=by_default)

    assert (wish and wish.timing) == expected


@pytest.mark.parametrize(
    ("now", "hour", "due"),
    [
        (datetime(2026, 11, 24, 5, 0, tzinfo=UTC), 8, datetime(2026, 11, 24, 7, 0, tzinfo=UTC)),
        (datetime(2026, 11, 24, 7, 0, tzinfo=UTC), 8, datetime(2026, 11, 25, 7, 0, tzinfo=UTC)),
        (datetime(2026, 11, 24, 23, 30, tzinfo=UTC), 8, datetime(2026, 11, 25, 7, 0, tzinfo=UTC)),
        (datetime(2026, 3, 28, 12, 0, tzinfo=UTC), 8, datetime(2026, 3, 29, 6, 0, tzinfo=UTC)),
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), 2, datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, 0, tzinfo=UTC), 2, datetime(2026, 10, 25, 0, 0, tzinfo=UTC)),
    ],
    ids=["today", "just now is tomorrow", "over midnight", "into summer", "an hour that is left out", "an hour twice"],
)
def test_the_summary_comes_at_the_next_such_hour_of_the_portal(settings, now, hour, due):
    settings.TIME_ZONE = "Europe/Stockholm"

    assert next_digest(now, hour) == due


# -- by default -------------------------------------------------------------------------------------------------------


def test_whoever_may_decide_is_told_without_any_configuration():
    with_mail(a_gate("TEST"))
    with_mail(a_user("vera", role="viewer"))
    requested(a_release(a_rows_shop(), "1.0.0"))

    assert told(Kind.DECISION_NEEDED) == ["otto"]


def test_who_may_not_decide_on_their_own_request_is_not_told_that_it_waits():
    mia = with_mail(a_manager())
    a_rule("Both", ["TEST"], people=[mia, with_mail(a_gate("PROD"))])
    requested(a_release(a_rows_shop(), "1.0.0"))

    assert told(Kind.DECISION_NEEDED) == ["otto"]


@pytest.mark.parametrize(("ending", "kind"), [(went_live, Kind.FINISHED), (failed, Kind.FAILED)])
def test_the_requester_is_told_how_it_ended(ending, kind):
    with_mail(a_manager())
    ending(a_release(a_rows_shop(), "1.0.0"))

    assert told(kind) == ["mia"]
    assert told(Kind.STARTED) == []


def test_nobody_is_told_of_what_they_did_themselves():
    mia = with_mail(a_manager())
    a_gate("TEST")
    actions.cancel(requested(a_release(a_rows_shop(), "1.0.0")), by=mia)

    assert told(Kind.CANCELLED) == []


# -- subscriptions ----------------------------------------------------------------------------------------------------


def test_a_role_is_told_where_it_is_held():
    shop, other = a_rows_shop(), a_lone_project("Website")
    a_subscription("viewer", Kind.FINISHED)
    with_mail(a_user("everywhere", role="viewer"))
    with_mail(a_user("there", role="viewer", project=shop))
    with_mail(a_user("elsewhere", role="viewer", project=other))
    with_mail(a_user("in-prod", role="viewer", environment=an_environment("PROD")))
    grouped = with_mail(a_user("grouped"))
    a_group("viewers", grouped).memberships.create(role=Role.VIEWER)
    went_live(a_release(shop, "1.0.0"))

    assert told(Kind.FINISHED) == ["everywhere", "grouped", "there"]


def test_a_stack_s_subscription_covers_its_components_and_no_other_project():
    shop, website = a_rows_shop(), a_lone_project("Website")
    vera = with_mail(a_user("vera", role="viewer"))
    a_subscription(vera, Kind.FINISHED, project=shop)
    alone = a_release(shop, "1.0.0").components.get(component__slug="ui").release
    went_live(alone)
    went_live(a_release(website, "1.0.0"))

    assert told(Kind.FINISHED) == ["vera"]
    assert Delivery.objects.get(person=vera).notice.project == alone.project


def test_an_environment_s_subscription_is_about_no_other():
    vera = with_mail(a_user("vera", role="viewer"))
    a_subscription(vera, Kind.FINISHED, environment=an_environment("PROD"))
    went_live(a_release(a_rows_shop(), "1.0.0"))

    assert told(Kind.FINISHED) == []


def test_who_may_not_see_the_project_is_not_told_whatever_they_subscribed_to():
    shop = a_rows_shop()
    spy = with_mail(a_user("spy", role="viewer", project=a_lone_project("Website")))
    a_subscription(spy)
    went_live(a_release(shop, "1.0.0"))
    holds.hold(shop, None, by=a_manager(), reason="Stocktaking")
    outlook.look_round()

    assert not Delivery.objects.filter(person=spy).exists()


def test_who_may_not_decide_is_not_told_of_a_decision_whatever_they_subscribed_to():
    a_gate("TEST")
    a_subscription(with_mail(a_user("vera", role="viewer")))
    requested(a_release(a_rows_shop(), "1.0.0"))

    assert told(Kind.DECISION_NEEDED) == []
    assert told(Kind.DECISION_NEEDED, "skipped") == ["otto"]  # who has no address


def test_a_hold_of_everything_is_told_to_who_sees_any_project():
    a_rows_shop()
    for name, role in (("vera", "viewer"), ("stranger", None)):
        a_subscription(with_mail(a_user(name, role=role)), Kind.HOLD)
    holds.hold(None, None, by=a_manager(), reason="Stocktaking")

    assert told(Kind.HOLD) == ["vera"]


def test_a_component_s_hold_is_told_to_the_stack_s_subscribers():
    shop = a_rows_shop()
    a_component(shop, "Docs")
    a_subscription(with_mail(a_user("vera", role="viewer")), Kind.HOLD, project=shop)
    holds.hold(None, an_environment("TEST"), by=a_manager(), reason="Stocktaking")

    assert told(Kind.HOLD) == ["vera"]


def test_what_somebody_has_switched_off_is_not_sent():
    mia = with_mail(a_manager())
    a_subscription(mia, Kind.FINISHED, timing=OFF)
    went_live(a_release(a_rows_shop(), "1.0.0"))

    assert told(Kind.FINISHED) == []


def test_what_somebody_wants_once_a_day_waits_for_the_hour():
    mia = with_mail(a_manager())
    a_subscription(mia, Kind.FINISHED, timing=DAILY, hour=7)
    went_live(a_release(a_rows_shop(), "1.0.0"))
    outlook.look_round()

    assert Delivery.objects.get(person=mia).digest_due_at.hour == 7


def test_a_channel_gets_what_its_subscriptions_name_once():
    channel = a_channel()
    a_subscription(channel, Kind.FINISHED)
    a_subscription(channel, Kind.FINISHED, Kind.STARTED, project=a_rows_shop())
    a_subscription(a_channel(name="Off", enabled=False), Kind.FINISHED)
    went_live(a_release(a_rows_shop_again(), "1.0.0"))

    assert (told(Kind.FINISHED), told(Kind.STARTED)) == (["Hook"], ["Hook"])


def a_rows_shop_again():
    return Subscription.objects.exclude(project=None).get().project


# -- whom nothing is sent to ------------------------------------------------------------------------------------------


def test_why_somebody_gets_nothing_is_on_record():
    shop = a_rows_shop()
    closed = with_mail(a_user("closed", role="viewer"))
    closed.is_active = False
    closed.save()
    for person in (closed, a_user("silent", role="viewer"), a_service_account("ci")):
        a_subscription(person, Kind.FINISHED)
    went_live(a_release(shop, "1.0.0"))
    outlook.look_round()

    said = dict(Delivery.objects.filter(state="skipped").values_list("person__username", "problem"))
    assert said == {
        "ci": "ci is a service account, which reads no mail.",
        "closed": "The account of closed is closed.",
        "silent": "The account of silent has no e-mail address.",
        "mia": "The account of mia has no e-mail address.",
    }


def test_an_administrator_is_told_of_what_the_role_lets_them_see():
    a_subscription(with_mail(an_administrator()), Kind.FINISHED)
    went_live(a_release(a_rows_shop(), "1.0.0"))

    assert told(Kind.FINISHED) == ["admin"]
