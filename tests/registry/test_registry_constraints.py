"""What the database itself refuses, whoever asks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from registry import actions, storage
from registry.models import Artifact, Attachment, BuildInformation, Feed, Package, PackageVersion
from tests.registry.packages import SCRIPT


@pytest.fixture
def version(pusher) -> PackageVersion:
    received = storage.receive([SCRIPT], max_bytes=1000)
    return actions.publish(received, name="patient-ui", version="1.4.0", filename="", by=pusher).version


def test_the_builtin_feed_exists_from_the_start_and_is_created_again_when_missing(db):
    first = Feed.builtin()
    assert first == Feed.objects.get(slug="builtin")
    first.delete()

    assert Feed.builtin().kind == Feed.Kind.BUILTIN


def test_a_feed_has_a_known_kind(db):
    with pytest.raises(IntegrityError, match="feed_kind_is_known"), transaction.atomic():
        Feed.objects.create(slug="other", name="Other", kind="unheard-of")


def test_a_version_exists_once_per_package(version, pusher):
    copy = PackageVersion.objects.get()
    copy.pk = None

    with pytest.raises(IntegrityError), transaction.atomic():
        copy.save()


def test_a_package_exists_once_per_feed_whatever_its_case(version):
    with pytest.raises(IntegrityError), transaction.atomic():
        Package.objects.create(feed=version.package.feed, name="PATIENT-UI")


@pytest.mark.parametrize("name", ["", "../evil", "a b", "ui\n"])
def test_a_package_has_a_printable_name(db, name):
    with pytest.raises(IntegrityError, match="package_name_is_printable"), transaction.atomic():
        Package.objects.create(feed=Feed.builtin(), name=name)


@pytest.mark.parametrize("sha256", ["", "abc", "A" * 64, "g" * 64, "a" * 63 + "\n"])
def test_an_artifact_is_known_by_a_digest(db, sha256):
    with pytest.raises(IntegrityError, match="artifact_sha256_is_a_digest"), transaction.atomic():
        Artifact.objects.create(sha256=sha256, size=1)


def test_an_artifact_is_stored_once(version):
    with pytest.raises(IntegrityError), transaction.atomic():
        Artifact.objects.create(sha256=version.artifact.sha256, size=1)


def test_an_artifact_is_not_empty(db):
    with pytest.raises(IntegrityError, match="artifact_is_not_empty"), transaction.atomic():
        Artifact.objects.create(sha256="a" * 64, size=0)


@pytest.mark.parametrize(
    "half",
    [
        {"withdrawn_at": timezone.now()},
        {"withdrawn_reason": "Broken"},
        {"withdrawn_at": timezone.now(), "withdrawn_reason": "Broken"},
    ],
)
def test_a_version_is_not_withdrawn_by_halves(version, half):
    with pytest.raises(IntegrityError, match="version_withdrawn_iff_reason"), transaction.atomic():
        PackageVersion.objects.update(**half)


def test_somebody_alone_does_not_make_a_version_withdrawn(version, pusher):
    with pytest.raises(IntegrityError, match="version_withdrawn_iff_reason"), transaction.atomic():
        PackageVersion.objects.update(withdrawn_by=pusher)


@pytest.mark.parametrize("held", ["package", "artifact", "published_by"])
def test_what_a_version_needs_is_not_deleted(version, held):
    with pytest.raises(ProtectedError):
        getattr(version, held).delete()


# -- what was published never changes ---------------------------------------------------------------------------------

OTHER = "b" * 64
FROZEN = [
    (Artifact, "sha256", OTHER),
    (Artifact, "size", 7),
    (PackageVersion, "version", "9.9.9"),
    (PackageVersion, "sort_key", "9"),
    (PackageVersion, "original", "v9"),
    (PackageVersion, "digest", "sha512:1"),
    (PackageVersion, "filename", "other.zip"),
    (PackageVersion, "format", "tar"),
    (PackageVersion, "entry_point", "other.sh"),
    (PackageVersion, "members", 7),
    (PackageVersion, "unpacked_bytes", 7),
    (PackageVersion, "contents", {"api": "9"}),
    (PackageVersion, "targets", ["PROD"]),
    (PackageVersion, "about", {"build": 9}),
    (PackageVersion, "published_at", timezone.now()),
    (BuildInformation, "version", "9.9.9"),
    (BuildInformation, "number", "9"),
    (BuildInformation, "url", "https://ci.example/9"),
    (BuildInformation, "server", "Other"),
    (BuildInformation, "branch", "other"),
    (BuildInformation, "commit", "9"),
    (BuildInformation, "repository", "https://git.example/other"),
    (BuildInformation, "commits", [{"id": "9"}]),
    (BuildInformation, "work_items", [{"id": "9"}]),
    (BuildInformation, "fingerprint", OTHER),
    (BuildInformation, "pushed_at", timezone.now()),
    (Attachment, "kind", Attachment.Kind.SPDX),
    (Attachment, "filename", "other.json"),
    (Attachment, "attached_at", timezone.now()),
]
RELATIONS = [
    (PackageVersion, "package_id"),
    (PackageVersion, "artifact_id"),
    (PackageVersion, "published_by_id"),
    (BuildInformation, "package_id"),
    (BuildInformation, "pushed_by_id"),
    (Attachment, "version_id"),
    (Attachment, "artifact_id"),
    (Attachment, "attached_by_id"),
]
MAY_CHANGE = {
    Artifact: {"id", "stored_at", "checked_at", "problem", "removed_at"},
    PackageVersion: {
        "id",
        "withdrawn_at",
        "withdrawn_reason",
        "withdrawn_by_id",
        "removed_at",
        "removed_reason",
    },
    BuildInformation: {"id"},
    Attachment: {"id"},
}


@pytest.fixture
def record(version, pusher) -> PackageVersion:
    """A version with everything that was said about it."""
    BuildInformation.objects.create(
        package=version.package, version=version.version, number="1", fingerprint="a" * 64, pushed_by=pusher
    )
    Attachment.objects.create(
        version=version,
        kind=Attachment.Kind.CYCLONEDX,
        filename="bom.json",
        artifact=Artifact.objects.create(sha256="a" * 64, size=1),
        attached_by=pusher,
    )
    return version


def refused(write: Callable[[], object]) -> bool:
    """Whether the database refuses it, whatever the code in front of it would have let through."""
    try:
        with transaction.atomic():
            write()
    except IntegrityError:
        return True
    return False


def of_record(model: type[models.Model], record: PackageVersion) -> Any:
    """The row of this model that the record has."""
    rows: dict[type[models.Model], models.Manager[Any]] = {
        Artifact: Artifact.objects,
        PackageVersion: PackageVersion.objects,
        BuildInformation: BuildInformation.objects,
        Attachment: Attachment.objects,
    }
    return rows[model].order_by("pk")[0]


def as_it_was(model: type[models.Model], row: models.Model) -> list[tuple[Any, ...]]:
    return list(model._base_manager.filter(pk=row.pk).values_list())


@pytest.mark.parametrize(("model", "column", "value"), FROZEN, ids=lambda given: getattr(given, "__name__", None))
def test_no_column_of_the_record_is_changed_by_any_way_of_writing(record, model, column, value):
    row = of_record(model, record)
    before = as_it_was(model, row)
    table = connection.ops.quote_name(model._meta.db_table)
    setattr(row, column, value)
    as_stored = model._meta.get_field(column).get_db_prep_save(value, connection)

    ways = [
        refused(row.save),
        refused(lambda: row.save(update_fields=[column])),
        refused(lambda: model._base_manager.filter(pk=row.pk).update(**{column: value})),
        refused(lambda: model._base_manager.bulk_update([row], [column])),
        refused(lambda: written(f'UPDATE {table} SET "{column}" = %s WHERE id = %s', as_stored, row.pk)),
        refused(lambda: written(f'UPDATE {table} SET "{column}" = "{column}"')),
    ]

    assert ways == [True] * len(ways)
    assert as_it_was(model, row) == before


def written(statement: str, *parameters: object) -> None:
    """By somebody with a database client."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.mark.parametrize(("model", "column"), RELATIONS)
def test_no_relation_of_the_record_is_changed(record, model, column):
    row = of_record(model, record)
    table = connection.ops.quote_name(model._meta.db_table)

    ways = [
        refused(lambda: model._base_manager.filter(pk=row.pk).update(**{column: getattr(row, column)})),
        refused(lambda: written(f"UPDATE {table} SET {column} = %s WHERE id = %s", getattr(row, column), row.pk)),
    ]

    assert ways == [True, True]


def test_every_column_is_either_named_here_as_frozen_or_as_free_to_change():
    named = {(model, column) for model, column, _ in FROZEN} | set(RELATIONS)
    free = {(model, column) for model, columns in MAY_CHANGE.items() for column in columns}
    there = {(model, field.column) for model in MAY_CHANGE for field in model._meta.concrete_fields}

    assert named | free == there
    assert named.isdisjoint(free)


@pytest.mark.parametrize("model", [Artifact, PackageVersion, BuildInformation, Attachment])
def test_nothing_of_the_record_is_deleted_by_any_way_of_deleting(record, model):
    row = of_record(model, record)
    before = as_it_was(model, row)
    table = connection.ops.quote_name(model._meta.db_table)
    alone = model._base_manager.filter(pk=row.pk)

    ways = [
        refused(lambda: alone._raw_delete(alone.db)),
        refused(lambda: written(f"DELETE FROM {table} WHERE id = %s", row.pk)),
        refused(lambda: written(f"DELETE FROM {table}")),
    ]

    assert ways == [True] * len(ways)
    assert as_it_was(model, row) == before


@pytest.mark.parametrize("model", [BuildInformation, Attachment])
def test_what_was_said_about_a_version_is_not_deleted_by_the_orm_either(record, model):
    with pytest.raises(IntegrityError, match="is part of the record"), transaction.atomic():
        of_record(model, record).delete()


def test_what_is_known_about_stored_bytes_is_free_to_change(record):
    now = timezone.now()

    Artifact.objects.update(checked_at=now, problem=Artifact.Problem.DAMAGED, removed_at=now)

    assert Artifact.objects.filter(problem="damaged", checked_at=now, removed_at=now).count() == 2


@pytest.mark.parametrize("half", [{"problem": "missing"}, {"problem": "unheard-of", "checked_at": timezone.now()}])
def test_a_problem_is_a_known_one_that_was_found_at_some_time(record, half):
    with pytest.raises(IntegrityError, match="artifact_problem_was_found"), transaction.atomic():
        Artifact.objects.update(**half)


@pytest.mark.parametrize("half", [{"removed_at": timezone.now()}, {"removed_reason": "Too old"}])
def test_a_version_is_not_removed_by_halves(record, half):
    with pytest.raises(IntegrityError, match="version_removed_iff_reason"), transaction.atomic():
        PackageVersion.objects.update(**half)
