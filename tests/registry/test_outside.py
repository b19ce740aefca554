"""What an outside store lists is asked for when it is due, kept until the next answer, and asked for less when it fails."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import system
from accounts.models import Event
from registry import outside
from registry.models import Feed, Listing, PackageVersion
from tests.factories import an_outside_feed
from tests.registry.stores import a_store, digest_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def store():
    with a_store() as running:
        yield running


@pytest.fixture
def feed(store):
    feed = an_outside_feed()
    feed.url = store.url
    feed.save()
    return feed


def listing_of(feed: Feed, name: str = "com:api") -> Listing:
    package = outside.watch(feed, name)
    return Listing.objects.select_related("package__feed").get(package=package)


def looked_up(feed: Feed, name: str = "com:api") -> outside.Answer:
    """As a worker does it: ask, then keep."""
    listing = listing_of(feed, name)
    answer = outside.ask(listing)
    outside.keep(listing, answer)
    return answer


def new(answer: outside.Answer) -> list[str]:
    return [listed.version for listed in answer.new]


def test_what_is_watched_is_due_at_once(feed):
    listing = listing_of(feed)

    assert outside.due(timezone.now()) == [listing]


def test_what_a_switched_off_feed_holds_is_never_due(feed):
    listing_of(feed)
    Feed.objects.filter(pk=feed.pk).update(enabled=False)

    assert outside.due(timezone.now()) == []


def test_watching_again_changes_nothing(feed):
    assert outside.watch(feed, "com:api") == outside.watch(feed, "COM:API")


def test_of_two_workers_one_looks(feed):
    listing, now = listing_of(feed), timezone.now()

    claims = [outside.claim(listing, now), outside.claim(listing, now)]

    assert claims == [True, False]


def test_a_worker_that_dies_while_it_looks_is_replaced_after_two_minutes(feed):
    listing, now = listing_of(feed), timezone.now()

    outside.claim(listing, now)

    assert outside.due(now + timedelta(seconds=outside.ASKING_SECONDS - 1)) == []
    assert outside.due(now + timedelta(seconds=outside.ASKING_SECONDS + 1)) == [listing]


def test_the_first_look_finds_only_the_highest_version_new(store, feed):
    store.publish("api", "1.0.0", "1.10.0", "1.9.0")

    assert new(looked_up(feed)) == ["1.10.0"]


def test_later_looks_find_new_whatever_was_not_listed_before_lowest_first(store, feed):
    store.publish("api", "1.0.0", "1.9.0")
    looked_up(feed)
    store.publish("api", "1.10.0", "1.0.1", "1.9.1")

    assert new(looked_up(feed)) == ["1.0.1", "1.9.1", "1.10.0"]


def test_a_pre_release_is_new_only_where_it_counts(store, feed):
    store.publish("api", "1.0.0", "2.0.0-rc.1")
    package = outside.watch(feed, "com:api")

    without = new(looked_up(feed))
    package.prereleases = True
    package.save()
    Listing.objects.update(checked_at=None, versions=[], etag="")

    assert (without, new(looked_up(feed))) == (["1.0.0"], ["2.0.0-rc.1"])


def test_a_listing_that_has_not_changed_is_not_sent_again(store, feed):
    store.publish("api", "1.0.0")
    looked_up(feed)

    answer = looked_up(feed)

    assert answer == outside.Answer()
    assert [line[0] for line in listing_of(feed).versions] == ["1.0.0"]


def test_an_answer_is_dated_and_the_next_look_is_due_after_the_feeds_pause(store, feed):
    store.publish("api", "1.0.0")

    looked_up(feed)

    listing = listing_of(feed)
    assert listing.checked_at > timezone.now() - timedelta(seconds=5)
    assert timedelta(seconds=290) < listing.next_at - listing.checked_at <= timedelta(seconds=300)


def test_what_the_store_does_not_know_is_an_answer_too(feed):
    looked_up(feed)

    listing = listing_of(feed)
    assert (listing.versions, listing.problem, listing.checked_at is not None) == ([], "", True)


def test_a_failure_keeps_what_was_seen_and_says_since_when(store, feed):
    store.publish("api", "1.0.0")
    looked_up(feed)
    store.status = 500

    looked_up(feed)

    listing = listing_of(feed)
    assert [line[0] for line in listing.versions] == ["1.0.0"]
    assert (listing.failures, listing.failing_since is not None) == (1, True)
    assert "127.0.0.1" in listing.problem


def test_a_feed_that_fails_says_so_itself_until_it_answers_again(store, feed):
    store.status = 503
    looked_up(feed)
    feed.refresh_from_db()
    failing = (bool(feed.problem), feed.failing_since is not None)
    store.status = 200

    looked_up(feed)

    feed.refresh_from_db()
    assert failing == (True, True)
    assert (feed.problem, feed.failing_since) == ("", None)


def test_every_failure_doubles_the_pause_up_to_an_hour(store, feed):
    store.status = 500
    pauses = []
    for _ in range(7):
        looked_up(feed)
        pauses.append(round((listing_of(feed).next_at - timezone.now()).total_seconds(), -1))

    assert pauses == [300, 600, 1200, 2400, 3600, 3600, 3600]


def test_a_busy_store_is_left_alone_as_long_as_it_asks(store, feed):
    store.status, store.headers = 429, {"Retry-After": "1500"}

    looked_up(feed)

    assert round((listing_of(feed).next_at - timezone.now()).total_seconds(), -1) == 1500


def test_a_password_that_cannot_be_decrypted_is_a_failure_with_a_sentence(feed):
    Feed.objects.filter(pk=feed.pk).update(username="ann", secret="gAAAAnonsense")

    answer = looked_up(feed)

    assert "ENCRYPTION_KEYS" in answer.failure


def test_a_version_is_found_however_it_is_written(store, feed):
    store.publish("api", "v1.4.0")
    looked_up(feed)
    package = listing_of(feed).package

    found = [outside.find(package, text) for text in ("1.4", "1.4.0.0", "1.5.0", "latest")]

    assert [listed and listed.version for listed in found] == ["v1.4.0", "v1.4.0", None, None]


def test_asking_soon_brings_the_next_look_forward(store, feed):
    store.publish("api", "1.0.0")
    looked_up(feed)
    package = listing_of(feed).package

    moved = outside.ask_soon([package])

    assert (moved, [listing.package for listing in outside.due(timezone.now())]) == (1, [package])


def test_what_was_just_asked_for_is_not_asked_for_again(store, feed):
    listing = listing_of(feed)
    outside.claim(listing, timezone.now())

    moved = outside.ask_soon([listing.package], unless_since=timezone.now() - timedelta(seconds=30))

    assert moved == 0


def test_a_version_that_was_seen_becomes_a_reference_without_bytes(store, feed):
    store.publish("api", "1.0.0")
    answer = looked_up(feed)

    version, created = outside.note(listing_of(feed).package, answer.new[0], by=system.account())

    assert (created, version.is_reference, version.format, version.original) == (True, True, "reference", "1.0.0")
    assert Event.objects.get(verb="version.seen").sentence == "com:api 1.0.0 was seen in Anypoint Exchange."


def test_noting_a_version_again_changes_nothing(store, feed):
    store.publish("api", "1.0.0")
    answer = looked_up(feed)
    package = listing_of(feed).package
    outside.note(package, answer.new[0], by=system.account())

    _, created = outside.note(package, answer.new[0], by=system.account())

    assert (created, PackageVersion.objects.count()) == (False, 1)


def test_nobody_can_act_through_the_account_of_the_system():
    account = system.account()

    assert account.is_service_account
    assert not account.has_usable_password()
    assert not account.api_tokens.exists()
    assert system.account() == account


def test_digests_are_the_stores_own(store):
    store.publish("api", "1.0.0")

    assert store.answer("/com/api/1.0.0/api-1.0.0.jar.sha256").decode() in digest_of("api 1.0.0")
