"""The two things that change about a release: its notes, and whether it may go further. Both are on record."""

import pytest

from accounts.models import Event
from releases import actions
from releases.actions import NOTES_MAX, ReleaseRefused
from releases.models import Release
from tests.factories import a_lone_project, a_release, a_user

pytestmark = pytest.mark.django_db


def as_stored(release: Release) -> Release:
    return Release.objects.get(pk=release.pk)


def test_edited_notes_are_stored_and_what_they_were_stays_on_record():
    release = a_release(a_lone_project())
    actions.edit_notes(release, "First.", by=a_user("rita"))

    actions.edit_notes(release, "Second.", by=a_user("rudi"))

    line = Event.objects.filter(verb="release.notes").first()
    assert (as_stored(release).notes, release.notes) == ("Second.", "Second.")
    assert (line.actor, line.sentence) == (a_user("rudi"), "The notes of Website 1.0.0 were edited.")
    assert line.data == {"before": "First.", "after": "Second."}


def test_notes_that_are_the_same_leave_no_line():
    release = a_release(a_lone_project())
    actions.edit_notes(release, "First.", by=a_user("rita"))

    actions.edit_notes(release, "First.", by=a_user("rudi"))

    assert Event.objects.filter(verb="release.notes").count() == 1


def test_notes_that_are_too_long_are_refused():
    release = a_release(a_lone_project())

    with pytest.raises(ReleaseRefused, match="Notes hold at most 20,000 characters; these have 20,001") as refused:
        actions.edit_notes(release, "x" * (NOTES_MAX + 1), by=a_user("rita"))

    assert (refused.value.code, as_stored(release).notes) == ("too_long", "")


def test_notes_of_the_greatest_length_are_stored():
    release = a_release(a_lone_project())

    actions.edit_notes(release, "x" * NOTES_MAX, by=a_user("rita"))

    assert len(as_stored(release).notes) == NOTES_MAX


def test_prevention_says_who_and_why():
    release = a_release(a_lone_project())

    actions.prevent_progression(release, by=a_user("rita"), reason="  Invoices come out twice. ")

    stored = as_stored(release)
    assert stored.is_prevented
    assert (stored.progression_prevented_by, stored.progression_prevented_reason) == (
        a_user("rita"),
        "Invoices come out twice.",
    )
    assert Event.objects.get(verb="release.prevented").sentence == (
        "Website 1.0.0 may not go further: Invoices come out twice."
    )


@pytest.mark.parametrize("reason", ["", " \n"])
def test_prevention_takes_a_reason(reason):
    release = a_release(a_lone_project())

    with pytest.raises(ReleaseRefused, match="Say why this release may not go further") as refused:
        actions.prevent_progression(release, by=a_user("rita"), reason=reason)

    assert (refused.value.code, as_stored(release).is_prevented) == ("reason_missing", False)


def test_what_is_prevented_is_not_prevented_twice_and_keeps_its_reason():
    release = a_release(a_lone_project())
    actions.prevent_progression(release, by=a_user("rita"), reason="Invoices come out twice.")

    with pytest.raises(ReleaseRefused, match=r"The progression of Website 1\.0\.0 is prevented already") as refused:
        actions.prevent_progression(release, by=a_user("rudi"), reason="Another.")

    assert refused.value.code == "prevented_already"
    assert as_stored(release).progression_prevented_reason == "Invoices come out twice."


def test_prevention_can_be_taken_back():
    release = a_release(a_lone_project())
    actions.prevent_progression(release, by=a_user("rita"), reason="Invoices come out twice.")

    actions.allow_progression(release, by=a_user("rudi"), reason="It was the printer.")

    assert not as_stored(release).is_prevented
    assert Event.objects.get(verb="release.allowed").sentence == (
        "Website 1.0.0 may go further again: It was the printer."
    )


def test_what_is_not_prevented_is_not_allowed_again():
    release = a_release(a_lone_project())

    with pytest.raises(ReleaseRefused, match=r"The progression of Website 1\.0\.0 is not prevented") as refused:
        actions.allow_progression(release, by=a_user("rita"))

    assert refused.value.code == "not_prevented"
