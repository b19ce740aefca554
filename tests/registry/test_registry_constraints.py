"""What the database itself refuses, whoever asks."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from registry import actions, storage
from registry.models import Artifact, Feed, Package, PackageVersion
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
