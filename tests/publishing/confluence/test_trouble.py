"""Whatever goes wrong outside: nothing is lost, nothing is there twice, no deployment is held up, and people are told."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import Deployment, LiveVersion
from publishing.confluence import asking, claims, transport
from publishing.confluence.rounds import forever
from publishing.confluence.visiting import visit
from publishing.models import Connection, Publication
from tests.deployments.patience import wait_until
from tests.deployments.rows import went_live
from tests.factories import a_release, a_user
from tests.publishing.confluence.scenes import Site, a_live_shop, publication, states, titles

pytestmark = pytest.mark.django_db
EVERYTHING = ["API - TEST", "Shop - TEST", "Shop 1.0.0", "Shop: which version is where", "UI - TEST"]


def test_a_day_without_confluence_loses_nothing(site: Site):
    shop, _ = a_live_shop(site)
    site.round()
    with site.there.outage():
        for number in range(1, 6):
            went_live(a_release(shop, f"1.0.{number}", ui=f"1.5.{number}"))
            site.later(hours=4)

    site.later(hours=0.25)

    assert set(states().values()) == {"current"}
    assert "1.5.5" in site.there.page("UI - TEST").body
    assert site.there.page("UI - TEST").version == 2  # what was live in between was never due any more
    assert len(titles(site.there)) == 5 + 5  # and a page of each release
    assert set(Deployment.objects.values_list("status", flat=True)) <= {"succeeded", "skipped"}


def test_while_confluence_is_away_people_are_told_since_when(site: Site):
    a_live_shop(site)

    with site.there.outage():
        site.round()

    connection = Connection.objects.get()
    assert connection.problem.endswith("is out of order (HTTP 503). It is tried again by itself.")
    assert connection.failing_since is not None
    (waiting,) = Publication.objects.filter(state="waiting")
    assert waiting.problem == connection.problem


def test_a_connection_that_is_away_is_left_alone_for_a_while(site: Site):
    a_live_shop(site)
    with site.there.outage():
        site.round()
        site.there.forget_requests()
        site.round()

    assert site.there.requests == []


def test_one_page_is_tried_before_all_the_others(site: Site):
    a_live_shop(site)
    with site.there.outage():
        site.round()
    Connection.objects.update(next_at=timezone.now())
    Publication.objects.update(next_at=timezone.now())

    first = claims.claim_next()
    others = claims.claim_next()
    visit(first)

    assert others is None
    assert claims.claim_next() is not None
    assert Connection.objects.get().problem == ""


def test_whoever_had_to_ask_nobody_lets_others_try(site: Site):
    a_live_shop(site)
    site.round()
    Publication.objects.update(next_at=timezone.now())
    trouble = {"problem": "It is away.", "failing_since": timezone.now(), "failures": 1, "next_at": timezone.now()}
    Connection.objects.update(**trouble)
    site.there.forget_requests()

    visit(claims.claim_next())

    assert site.there.requests == []
    assert claims.claim_next() is not None


def test_pauses_get_longer_up_to_a_quarter_of_an_hour():
    pauses = [claims.pause_after(tries) for tries in (1, 3, 6, 30)]

    assert pauses == sorted(pauses)
    assert pauses[0] < timedelta(seconds=3)
    assert pauses[-1] == timedelta(minutes=15)


@pytest.mark.parametrize("as_a_date", [False, True])
def test_the_pause_that_confluence_asks_for_is_kept(site: Site, as_a_date):
    a_live_shop(site)
    stated = timezone.now() + timedelta(seconds=300) if as_a_date else 300
    site.there.faults.next(1, status=429, retry_after=stated)

    site.round()

    pause = Connection.objects.get().next_at - timezone.now()
    assert timedelta(seconds=280) < pause <= timedelta(seconds=300)


def test_a_longer_pause_than_a_quarter_of_an_hour_is_not_kept(site: Site):
    a_live_shop(site)
    site.there.faults.next(1, status=429, retry_after=86_400)

    site.round()

    assert Connection.objects.get().next_at - timezone.now() <= timedelta(minutes=15)


def test_an_answer_that_gets_lost_makes_no_second_page(site: Site):
    a_live_shop(site)
    site.there.faults.lose_answers(1, methods=("POST",))

    site.round()
    site.later()

    assert titles(site.there) == EVERYTHING
    assert set(states().values()) == {"current"}
    assert {page.version for page in site.there.pages} == {1}
    assert all("signalbox" in page.properties and page.labels for page in site.there.pages)


def test_an_answer_that_gets_lost_makes_no_second_version(site: Site):
    shop, _ = a_live_shop(site)
    site.round()
    went_live(a_release(shop, "1.0.1", ui="1.4.18"))
    site.there.faults.lose_answers(1, methods=("PUT",))

    site.round()
    site.later()

    assert site.there.page("UI - TEST").version == 2
    assert "1.4.18" in site.there.page("UI - TEST").body
    assert set(states().values()) == {"current"}


@pytest.mark.parametrize("path", ["/label", "/propert"])
def test_whatever_is_interrupted_after_a_page_was_made_is_made_good(site: Site, path):
    a_live_shop(site)
    site.there.faults.drop(1, path=path, methods=("POST",))

    site.round()
    site.later()

    assert titles(site.there) == EVERYTHING
    assert all("signalbox" in page.properties and page.labels for page in site.there.pages)


def test_a_worker_that_is_killed_between_making_a_page_and_remembering_it_makes_no_second_one(site: Site, monkeypatch):
    a_live_shop(site)

    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(claims, "remember", killed)
        with pytest.raises(SystemExit):
            site.round()
    assert len(site.there.pages) == 1
    assert Publication.objects.exclude(page_id="").count() == 0

    Publication.objects.filter(claimed_until__isnull=False).update(claimed_until=timezone.now())
    site.round()

    assert titles(site.there) == EVERYTHING
    assert {page.version for page in site.there.pages} == {1}


def test_a_claim_of_a_killed_worker_is_taken_over_after_its_lease(site: Site):
    a_live_shop(site)
    site.rounds.look()
    lost = claims.claim_next()

    site.round()
    assert Publication.objects.get(pk=lost.pk).state == "due"
    Publication.objects.filter(pk=lost.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    site.round()

    assert set(states().values()) == {"current"}


def test_whoever_has_lost_its_claim_writes_nothing_down(site: Site):
    a_live_shop(site)
    site.rounds.look()
    lost = claims.claim_next()
    Publication.objects.filter(pk=lost.pk).update(claimed_by="another")

    assert not claims.park(lost, "Too late.")
    assert Publication.objects.get(pk=lost.pk).state == "due"


def test_a_wish_that_comes_while_a_page_is_written_is_not_forgotten(site: Site):
    a_live_shop(site)
    site.round()
    row = publication("UI - TEST")
    Publication.objects.filter(pk=row.pk).update(next_at=timezone.now())
    held = claims.claim(row.pk)
    asking.publish_now([row], by=a_user("admin"))

    claims.let_be(held)

    row.refresh_from_db()
    assert row.next_at <= timezone.now()


def test_somebody_who_writes_at_the_same_time_is_read_again(site: Site):
    a_live_shop(site)
    site.round()
    site.there.edit("UI - TEST", "<p>Mine.</p>")
    site.there.faults.next(2, status=409, methods=("PUT",), path="")

    site.later()

    assert "1.4.17" in site.there.page("UI - TEST").body
    assert publication("UI - TEST").state == "current"


def test_a_page_on_which_somebody_keeps_writing_is_tried_again_later(site: Site):
    a_live_shop(site)
    site.round()
    site.there.edit("UI - TEST", "<p>Mine.</p>")
    site.there.faults.next(4, status=409, methods=("PUT",))

    site.later()
    assert publication("UI - TEST").state == "waiting"
    assert Connection.objects.get().problem == ""
    site.later()

    assert publication("UI - TEST").state == "current"


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (400, "does not accept what was sent (HTTP 400)"),
        (403, "Give the account the right to add and edit pages"),
        (413, "does not take a page of this size"),
    ],
)
def test_what_concerns_one_page_needs_somebody_and_stops_no_other(site: Site, status, sentence):
    a_live_shop(site)
    site.there.faults.next(1, status=status, methods=("POST",), path="/content" if not site.is_cloud else "/pages")

    site.round()

    (parked,) = Publication.objects.filter(state="parked")
    assert sentence in parked.problem
    assert sorted(states().values()) == ["current"] * 4 + ["parked"]
    assert parked.next_at > timezone.now() + timedelta(hours=5)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(401, "The token may have expired"), (410, "Check which kind of Confluence it is")],
)
def test_what_concerns_the_account_stops_all_at_once(site: Site, status, sentence):
    a_live_shop(site)

    with site.there.outage(status=status):
        site.round()
        asked = len(site.there.requests)
        site.round()

    assert sentence in Connection.objects.get().problem
    assert asked == len(site.there.requests) == 1  # more tries would only lock the account


def test_a_new_token_puts_everything_right_at_once(site: Site):
    a_live_shop(site)
    connection = Connection.objects.get()
    connection.set_secret("expired")
    connection.save()
    site.round()
    assert "parked" in states().values()

    connection.set_secret(site.there.token)
    connection.save()
    asking.connection_changed(connection)
    site.round()

    assert set(states().values()) == {"current"}
    assert Connection.objects.get().problem == ""


def test_a_space_that_is_not_there_is_named(site: Site):
    shop, _ = a_live_shop(site)
    shop.publishing.space = "NONE"
    shop.publishing.save()

    site.round()

    problems = set(Publication.objects.values_list("problem", flat=True))
    assert any("has no space NONE" in problem for problem in problems)
    assert set(states().values()) == {"parked"}


def test_another_space_gets_new_pages_and_the_old_ones_stay(site: Site):
    shop, _ = a_live_shop(site)
    shop.publishing.space = "NONE"
    shop.publishing.save()
    site.round()
    shop.publishing.space = site.there.space
    shop.publishing.save()

    site.round()

    assert titles(site.there) == EVERYTHING
    assert set(states().values()) == {"current"}


def test_a_site_that_hangs_does_not_hang_us(site: Site, monkeypatch):
    a_live_shop(site)
    monkeypatch.setattr(transport, "READ_SECONDS", 0.2)
    site.there.faults.hang(1, seconds=30)

    site.round()

    assert "has not answered in time" in Connection.objects.get().problem


def test_a_key_that_is_lost_is_said(site: Site, settings):
    a_live_shop(site)
    settings.ENCRYPTION_KEYS = ["x" * 43 + "="]

    site.round()

    assert "cannot be decrypted" in Publication.objects.filter(state="parked").first().problem


def test_older_news_never_replace_newer_ones(data_center: Site):
    """A visit begins, and before it writes, something newer goes live and is published by somebody else."""
    site = data_center
    shop, _ = a_live_shop(site)
    site.round()
    went_live(a_release(shop, "1.0.1", ui="1.4.18"))
    site.rounds.look()
    row = Publication.objects.get(project__name="UI", kind="component")
    held = claims.claim(row.pk)
    went_live(a_release(shop, "1.0.2", ui="1.4.19"))
    Publication.objects.filter(pk=row.pk).update(claimed_until=timezone.now())
    site.round()

    visit(held)

    assert "1.4.19" in site.there.page("UI - TEST").body
    assert site.there.page("UI - TEST").messages == ["1.0.0", "1.0.2"]


@pytest.mark.django_db(transaction=True)
def test_the_duty_publishes_by_itself_and_ends_when_it_is_told_to(data_center: Site, settings):
    settings.CONFLUENCE_LOOK_SECONDS = 0.05
    a_live_shop(data_center)
    going = threading.Event()
    duty = threading.Thread(target=forever, args=(going,))
    duty.start()
    try:
        wait_until(lambda: titles(data_center.there) == EVERYTHING)
        wait_until(lambda: set(states().values()) == {"current"})
    finally:
        going.set()
        duty.join(10)

    assert not duty.is_alive()
    assert LiveVersion.objects.now().count() == 3
