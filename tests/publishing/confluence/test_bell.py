"""The trail says what has happened, once, and only the pages that it can concern are looked at."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import trail
from accounts.models import Event
from publishing.confluence import bell as module
from publishing.confluence.bell import Bell, ask_for_looks
from publishing.models import Publication
from releases.actions import edit_notes
from tests.deployments.rows import went_live
from tests.factories import a_release, a_stack, a_user, an_administrator
from tests.publishing.confluence.scenes import Site, a_live_shop

pytestmark = pytest.mark.django_db

ANOTHER = {
    "verb": "configuration.changed",
    "subject_type": "x",
    "subject_id": "1",
    "subject_label": "x",
    "sentence": "Something else has happened.",
}


@pytest.fixture
def bell() -> Bell:
    """One that has heard of everything so far."""
    bell = Bell()
    bell.rings()
    return bell


def happens(verb: str = "configuration.changed") -> Event:
    return trail.record(None, verb, an_administrator(), "Something has happened.")


def asked_for() -> set[str]:
    """What is to be looked at now."""
    rows = Publication.objects.filter(next_at__lte=timezone.now()).select_related("project", "environment", "release")
    return {f"{row.kind}: {row.subject}" for row in rows}


def test_every_line_is_told_once(bell):
    happens()

    assert len(bell.rings()) == 1
    assert bell.rings() == []


def test_what_happened_while_no_worker_lived_is_told():
    happens()

    assert len(Bell().rings()) == 1


def test_what_happened_long_ago_is_not_told(pass_days):
    happens()
    pass_days(1)

    assert Bell().rings() == []


@pytest.mark.parametrize(
    "verb", ["build.recorded", "version.published", "release.created", "approval.approved", "token.issued"]
)
def test_what_no_page_says_is_not_told(bell, verb):
    happens(verb)

    assert bell.rings() == []


def test_a_line_that_is_committed_after_a_later_one_is_told(bell):
    first = happens()
    late = first.pk
    with_a_higher_number = Event.objects.create(pk=late + 2, **ANOTHER)
    assert len(bell.rings()) == 2

    Event.objects.create(pk=late + 1, **ANOTHER)

    assert len(bell.rings()) == 1
    assert with_a_higher_number.pk in bell.told


def test_what_was_told_long_ago_is_forgotten(bell, monkeypatch):
    event = happens()
    bell.rings()
    then = time.monotonic() + module.OVERLAP_SECONDS + 1
    monkeypatch.setattr(module.time, "monotonic", lambda: then)

    bell.rings()

    assert (bell.floor, bell.told) == (event.pk, {})


def test_a_success_of_a_component_concerns_its_own_pages_and_what_shows_it(data_center: Site, bell):
    shop, _ = a_live_shop(data_center)
    data_center.round()
    bell.rings()
    Publication.objects.update(next_at=timezone.now() + timedelta(hours=1))
    went_live(a_release(shop.components.get(name="UI"), ui="1.4.18"))

    ask_for_looks(bell.rings())

    assert "component: UI in TEST" in asked_for()
    assert "component: API in TEST" not in asked_for()
    assert {"stack: Shop", "environment: Shop in TEST", "release: Shop 1.0.0"} <= asked_for()


def test_another_stack_is_not_concerned(data_center: Site, bell):
    _, release = a_live_shop(data_center)
    data_center.round()
    Publication.objects.update(next_at=timezone.now() + timedelta(hours=1))
    bell.rings()
    other = a_release(a_stack("Kiosk", components={"Till": 1}))
    edit_notes(other, "Better", by=a_user("mia", role="release_manager"))

    heard = [line for line in bell.rings() if line.project is not None]
    ask_for_looks(heard)

    assert heard
    assert asked_for() == set()
    assert release.project != other.project


def test_a_change_of_the_configuration_concerns_all_pages(data_center: Site, bell):
    a_live_shop(data_center)
    data_center.round()
    Publication.objects.update(next_at=timezone.now() + timedelta(hours=1))
    bell.rings()
    happens()

    ask_for_looks(bell.rings())

    assert len(asked_for()) == Publication.objects.count()
