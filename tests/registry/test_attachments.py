"""Bills of materials and provenance statements: what is known by its content, kept as it was sent, and refused."""

import hashlib

import pytest
from django.db import IntegrityError, transaction
from django.test import RequestFactory
from django.utils import timezone

from accounts.models import Event
from registry import documents, evidence, serving, storage
from registry.documents import AttachmentRefused
from registry.models import Artifact, Attachment
from registry.storage import ArtifactDamaged
from tests.factories import a_version
from tests.registry.documents import CYCLONEDX, ENVELOPE, SPDX, SPDX_3, STATEMENT, as_bytes, lines, received, stored

pytestmark = pytest.mark.django_db

BOM = as_bytes(CYCLONEDX)
DIGEST = hashlib.sha256(BOM).hexdigest()

KNOWN = {
    "CycloneDX": (BOM, "cyclonedx"),
    "CycloneDX 2": (as_bytes({"specFormat": "CycloneDX", "specVersion": "2.0"}), "cyclonedx"),
    "with a byte order mark": (b"\xef\xbb\xbf" + BOM, "cyclonedx"),
    "SPDX 2": (as_bytes(SPDX), "spdx"),
    "SPDX 3": (as_bytes(SPDX_3), "spdx"),
    "SPDX 3 with a context of its own": (
        as_bytes(SPDX_3 | {"@context": [{"own": "https://x"}, SPDX_3["@context"]]}),
        "spdx",
    ),
    "a statement": (as_bytes(STATEMENT), "in-toto"),
    "an older statement": (as_bytes(STATEMENT | {"_type": "https://in-toto.io/Statement/v0.1"}), "in-toto"),
    "an envelope": (as_bytes(ENVELOPE), "in-toto"),
    "an envelope of a certain predicate": (
        as_bytes(ENVELOPE | {"payloadType": "application/vnd.in-toto.provenance+json"}),
        "in-toto",
    ),
    "a Sigstore bundle": (as_bytes({"mediaType": "x", "dsseEnvelope": ENVELOPE}), "in-toto"),
    "lines of them": (lines(STATEMENT, ENVELOPE) + b"\n" + lines(STATEMENT), "in-toto"),
    "lines of which one is known": (lines({"a": 1}, STATEMENT), "in-toto"),
}
TOO_DEEP = b"[" * 100_000 + b"]" * 100_000
REFUSED = {
    "XML": (b'<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>', "This is XML, and attachments"),
    "how to convert": (b"\n <bom/>", "cyclonedx convert --input-file bom.xml --output-file bom.json"),
    "no text": (b"\xff\xfe{\x00}\x00", "This is not text in UTF-8."),
    "no JSON": (b"SPDXVersion: SPDX-2.3\n", "This cannot be read as JSON (line 1, column 1: Expecting value)."),
    "half of it": (BOM[:-4], "This cannot be read as JSON (line 1, column"),
    "something behind it": (b"{}\n{}\n{", "This cannot be read as JSON (line 3, column 2:"),
    "no number of JSON": (b'{"bomFormat": "CycloneDX", "x": NaN}', "This is not JSON: it holds NaN"),
    "a number without end": (b'{"x": ' + b"1" * 5_000 + b"}", "This holds a number that is too long"),
    "lists in lists": (TOO_DEEP, "This is nested too deeply"),
    "objects in objects": (b'{"a":' * 100_000, "This is nested too deeply"),
    "lists in lists in a line": (lines(STATEMENT) + TOO_DEEP, "This is nested too deeply"),
    "another document": (as_bytes({"name": "ui"}), "This is no document of a kind that is kept."),
    "a list of them": (as_bytes([CYCLONEDX]), "This is no document of a kind that is kept."),
    "one inside another": (as_bytes({"metadata": CYCLONEDX}), "This is no document of a kind that is kept."),
    "only a text": (b'"bomFormat"', "This is no document of a kind that is kept."),
    "lines of bills": (lines(CYCLONEDX, CYCLONEDX), "This is no document of a kind that is kept."),
    "another envelope": (as_bytes(ENVELOPE | {"payloadType": "text/plain"}), "This is no document of a kind"),
    "odd values": (
        as_bytes({"bomFormat": [], "spdxVersion": 2, "@context": 3, "_type": {}, "payloadType": [], "dsseEnvelope": 1}),
        "This is no document of a kind that is kept.",
    ),
    "no more than marks": (b"[" * 2_000_001, "This holds more than 2,000,000 objects and lists."),
}  # fmt: skip


def attached(by, data: bytes = BOM, filename: str = "bom.json", version=None) -> tuple[Attachment, bool]:
    return evidence.attach(version or a_version("ui", "1.4.0"), received(data), filename, by)


@pytest.mark.parametrize(("data", "kind"), KNOWN.values(), ids=KNOWN.keys())
def test_its_kind_is_read_from_its_content(pusher, data, kind):
    row, _ = attached(pusher, data, "whatever.txt")

    assert row.kind == kind


@pytest.mark.parametrize(("data", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_everything_else_is_refused_with_a_sentence_and_nothing_is_left(pusher, store, data, sentence):
    with pytest.raises(AttachmentRefused) as refusal:
        attached(pusher, data)

    assert sentence in refusal.value.sentence
    assert stored(store) == []
    assert not Attachment.objects.exists()


def test_it_is_kept_as_it_was_sent(pusher, store):
    row, new = attached(pusher, filename="/ci/out/bom.cdx.json")

    assert new
    assert (row.filename, row.attached_by, str(row)) == ("bom.cdx.json", pusher, "bom.cdx.json of ui 1.4.0")
    assert (row.artifact.sha256, row.artifact.size, stored(store)) == (DIGEST, len(BOM), [DIGEST])
    assert b"".join(storage.stream(DIGEST)) == BOM


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (BOM, "bom.cdx.json"),
        (as_bytes(SPDX), "bom.spdx.json"),
        (as_bytes(STATEMENT), "attestations.intoto.jsonl"),
    ],
)
def test_without_a_name_it_gets_a_usual_one(pusher, data, name):
    assert attached(pusher, data, "")[0].filename == name


def test_the_same_bytes_again_change_nothing(pusher, store):
    version = a_version("ui", "1.4.0")
    first, _ = attached(pusher, version=version)

    again, new = attached(pusher, filename="other.json", version=version)

    assert (again, new) == (first, False)
    assert stored(store) == [DIGEST]
    assert Event.objects.count() == 1


def test_the_same_bytes_again_heal_what_is_lost(pusher):
    version = a_version("ui", "1.4.0")
    row, _ = attached(pusher, version=version)
    row.artifact.path.unlink()

    attached(pusher, version=version)

    assert row.artifact.path.read_bytes() == BOM


def test_what_was_found_missing_counts_as_whole_again_once_the_same_bytes_come(pusher):
    version = a_version("ui", "1.4.0")
    row, _ = attached(pusher, version=version)
    row.artifact.path.unlink()
    Artifact.objects.update(problem=Artifact.Problem.MISSING, checked_at=timezone.now())

    attached(pusher, version=version)

    assert Artifact.objects.get(pk=row.artifact.pk).problem == ""
    assert Event.objects.filter(verb="artifact.healed").count() == 1


def test_versions_share_the_bytes(pusher, store):
    first, _ = attached(pusher, version=a_version("ui", "1.4.0"))

    second, new = attached(pusher, version=a_version("ui", "1.5.0"))

    assert new
    assert first.artifact == second.artifact
    assert stored(store) == [DIGEST]


def test_bytes_that_had_been_removed_are_here_again(pusher):
    Artifact.objects.create(sha256=DIGEST, size=len(BOM), removed_at="2026-01-01T00:00Z")

    row, _ = attached(pusher)

    assert row.artifact.removed_at is None


def test_a_version_has_no_more_than_twenty(pusher, store):
    version = a_version("ui", "1.4.0")
    twenty = [Artifact.objects.create(sha256=f"{number:064}", size=1) for number in range(20)]
    version.attachments.bulk_create(
        Attachment(version=version, kind="spdx", filename="x", artifact=artifact, attached_by=pusher)
        for artifact in twenty
    )

    with pytest.raises(AttachmentRefused) as refusal:
        attached(pusher, version=version)

    assert refusal.value.code == "attachments-full"
    assert refusal.value.sentence.startswith("ui 1.4.0 has 20 attachments already")
    assert stored(store) == []


def test_what_is_too_large_is_refused_before_it_is_read(pusher, store, monkeypatch):
    monkeypatch.setattr(documents, "MAX_BYTES", len(BOM) - 1)

    with pytest.raises(AttachmentRefused) as refusal:
        attached(pusher)

    assert refusal.value.code == "attachment-too-large"
    assert stored(store) == []


def test_it_leaves_one_line_in_the_trail(pusher):
    attached(pusher)

    event = Event.objects.get()
    assert (event.verb, event.subject_label) == ("attachment.added", "ui 1.4.0")
    assert event.sentence == "ci-pipeline attached bom.json (CycloneDX bill of materials) to ui 1.4.0."
    assert event.data == {"kind": "cyclonedx", "sha256": DIGEST, "size": len(BOM), "filename": "bom.json"}


def test_lost_bytes_are_said_to_be_lost(pusher):
    row, _ = attached(pusher)
    row.artifact.path.unlink()

    with pytest.raises(ArtifactDamaged, match=r"bom\.json of ui 1\.4\.0 are missing\. Attach the same file again"):
        serving.attachment(RequestFactory().get("/"), row)


def test_what_was_attached_is_never_changed(pusher):
    row, _ = attached(pusher)

    with pytest.raises(IntegrityError, match="part of the record"), transaction.atomic():
        Attachment.objects.filter(pk=row.pk).update(filename="other.json")


def test_what_was_attached_is_never_removed(pusher):
    row, _ = attached(pusher)

    with pytest.raises(IntegrityError, match="part of the record"), transaction.atomic():
        row.delete()
