"""What the database itself refuses about releases, whoever asks, on SQLite and PostgreSQL alike."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from releases.models import Release, ReleaseComponent, ReleasePackage, Trigger, TriggerEvaluation
from tests.factories import a_lone_project, a_package, a_release, a_stack, a_trigger, a_user, a_version

pytestmark = pytest.mark.django_db


def refused(match: str) -> object:
    return pytest.raises(IntegrityError, match=match)


def a_copy_of(release: Release, **changed: object) -> Release:
    """The same row once more, but for its key and these columns."""
    copy = Release.objects.get(pk=release.pk)
    copy.pk = None
    for name, value in changed.items():
        setattr(copy, name, value)
    return copy


# -- one of each ------------------------------------------------------------------------------------------------------


def test_a_number_exists_once_per_project():
    release = a_release(a_lone_project())

    with refused("release_number_once_per_project|number"), transaction.atomic():
        a_copy_of(release, fingerprint="another").save()

    assert Release.objects.get() == release


def test_contents_exist_once_per_project():
    release = a_release(a_lone_project())

    with refused("release_contents_once_per_project|fingerprint"), transaction.atomic():
        a_copy_of(release, number="9.9.9").save()

    assert Release.objects.get() == release


def test_another_project_may_have_the_same_number_and_contents():
    release = a_release(a_lone_project())

    a_copy_of(release, project=a_lone_project("Elsewhere")).save()

    assert Release.objects.count() == 2


def test_a_release_holds_a_package_once():
    release = a_release(a_lone_project())
    another = a_version("website", "9.0.0")

    with refused("package_once_per_release|package_id"), transaction.atomic():
        release.packages.create(package=another.package, version=another)

    assert release.packages.count() == 1


def test_a_stacks_release_holds_a_component_once():
    release = a_release(a_stack("Shop", components={"UI": 1}))
    line = release.components.get()

    with refused("component_once_per_release|component_id"), transaction.atomic():
        release.components.create(component=line.component, release=line.release, stage=2, condition="always")

    assert release.components.get() == line


def test_a_component_of_a_release_has_a_stage():
    release = a_release(a_stack("Shop", components={"UI": 1}))
    other = a_release(a_lone_project())

    with refused("release_component_stage_from_one"), transaction.atomic():
        release.components.create(component=other.project, release=other, stage=0, condition="always")

    assert release.components.count() == 1


# -- prevention -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "half",
    [
        {"progression_prevented_at": timezone.now()},
        {"progression_prevented_reason": "Wrong."},
        {"progression_prevented_at": timezone.now(), "progression_prevented_reason": "Wrong."},
    ],
)
def test_progression_is_not_prevented_by_halves(half):
    release = a_release(a_lone_project())

    with refused("release_prevention_has_a_reason"), transaction.atomic():
        Release.objects.update(**half)

    release.refresh_from_db()
    assert not release.is_prevented


def test_progression_is_not_prevented_without_a_reason():
    release = a_release(a_lone_project())
    rita = a_user("rita")

    with refused("release_prevention_has_a_reason"), transaction.atomic():
        Release.objects.update(progression_prevented_at=timezone.now(), progression_prevented_by=rita)

    release.refresh_from_db()
    assert not release.is_prevented


# -- frozen -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"number": "9.9.9"},
        {"sort_key": "f"},
        {"snapshot": {"variables": []}},
        {"fingerprint": "another"},
        {"created_at": timezone.now()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_release_is_frozen_once_created(change):
    release = a_release(a_lone_project())

    with refused("A release is frozen once created: create a new one instead"), transaction.atomic():
        Release.objects.update(**change)

    stored = Release.objects.values(*change).get()
    assert stored == {name: getattr(release, name) for name in change}


@pytest.mark.parametrize("column", ["project", "created_by"])
def test_a_release_never_goes_to_another_project_or_person(column):
    release = a_release(a_lone_project())
    other = {"project": a_lone_project("Elsewhere"), "created_by": a_user("somebody-else")}[column]

    with refused("A release is frozen once created"), transaction.atomic():
        Release.objects.update(**{column: other})

    assert getattr(Release.objects.get(), column) == getattr(release, column)


def test_its_notes_may_be_edited():
    a_release(a_lone_project())

    Release.objects.update(notes="Better.")

    assert Release.objects.get().notes == "Better."


def test_a_release_is_never_deleted():
    empty = a_copy_of(a_release(a_lone_project()), number="9.9.9", fingerprint="empty")
    empty.save()

    with refused("A release is never deleted"), transaction.atomic():
        empty.delete()

    assert Release.objects.filter(number="9.9.9").exists()


def test_a_line_of_a_components_manifest_never_changes():
    a_release(a_lone_project())
    another = a_version("website", "9.0.0")

    with refused("A release's manifest is frozen"), transaction.atomic():
        ReleasePackage.objects.update(version=another)

    assert ReleasePackage.objects.get().version.version == "1.0.0"


def test_a_line_of_a_components_manifest_is_never_deleted():
    a_release(a_lone_project())

    with refused("A release's manifest is frozen"), transaction.atomic():
        ReleasePackage.objects.all().delete()

    assert ReleasePackage.objects.count() == 1


def test_a_line_of_a_stacks_manifest_never_changes():
    a_release(a_stack("Shop", components={"UI": 1}))

    with refused("A release's manifest is frozen"), transaction.atomic():
        ReleaseComponent.objects.update(stage=7)

    assert ReleaseComponent.objects.get().stage == 1


def test_a_line_of_a_stacks_manifest_is_never_deleted():
    a_release(a_stack("Shop", components={"UI": 1}))

    with refused("A release's manifest is frozen"), transaction.atomic():
        ReleaseComponent.objects.all().delete()

    assert ReleaseComponent.objects.count() == 1


# -- triggers ---------------------------------------------------------------------------------------------------------


def test_a_triggers_name_exists_once_per_project():
    trigger = a_trigger(a_lone_project())

    with refused("trigger_name_once_per_project|name"), transaction.atomic():
        Trigger.objects.create(project=trigger.project, name=trigger.name)

    assert Trigger.objects.get() == trigger


def test_a_push_is_evaluated_once_by_a_trigger():
    trigger = a_trigger(a_lone_project())
    version = a_version("website")
    trigger.evaluations.create(version=version, outcome="nothing", sentence="No.")

    with refused("evaluation_once_per_push|version_id"), transaction.atomic():
        trigger.evaluations.create(version=version, outcome="nothing", sentence="No again.")

    assert TriggerEvaluation.objects.get().sentence == "No."


@pytest.mark.parametrize("outcome", ["created", "existing", "unheard-of"])
def test_an_evaluation_that_led_to_a_release_names_it(outcome):
    trigger = a_trigger(a_lone_project())

    with refused("evaluation_names_its_release"), transaction.atomic():
        trigger.evaluations.create(version=a_version("website"), outcome=outcome, sentence="Yes.")

    assert not TriggerEvaluation.objects.exists()


def test_an_evaluation_that_led_to_nothing_names_none():
    release = a_release(a_lone_project())
    trigger = a_trigger(release.project, "Every push", a_package("website"))

    with refused("evaluation_names_its_release"), transaction.atomic():
        trigger.evaluations.create(version=a_version("website"), outcome="nothing", release=release, sentence="No.")

    assert not TriggerEvaluation.objects.exists()
