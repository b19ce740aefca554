import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from registry import storage
from registry.storage import ArtifactDamaged, UploadRefused

DATA = [b"first chunk, ", b"second chunk"]
WHOLE = b"".join(DATA)
DIGEST = hashlib.sha256(WHOLE).hexdigest()


def incoming(store: Path) -> list[Path]:
    return list(store.glob("incoming/*"))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_what_arrives_is_hashed_and_lies_in_a_private_file(store):
    received = storage.receive(DATA, max_bytes=100, expected_bytes=len(WHOLE))

    assert (received.sha256, received.size) == (DIGEST, len(WHOLE))
    assert received.path.read_bytes() == WHOLE
    assert received.path.parent == store / "incoming"
    assert mode(received.path) == 0o600
    assert mode(store) == mode(store / "incoming") == 0o700


def test_a_file_of_exactly_the_largest_size_is_accepted():
    assert storage.receive(DATA, max_bytes=len(WHOLE)).size == len(WHOLE)


@pytest.mark.parametrize(
    ("chunks", "max_bytes", "expected_bytes", "code", "sentence"),
    [
        ([], 100, None, "upload-empty", "is empty"),
        ([b"", b""], 100, 0, "upload-empty", "is empty"),
        (DATA, len(WHOLE) - 1, None, "upload-too-large", "larger than 24 bytes"),
        (DATA, 100, len(WHOLE) + 1, "upload-truncated", "Only 25 of 26 bytes"),
        (DATA, 100, len(WHOLE) - 1, "upload-truncated", "More bytes arrived than the 24"),
        ([], 100, 5, "upload-truncated", "Only 0 of 5 bytes"),
    ],
)
def test_what_arrives_wrongly_is_refused_and_leaves_nothing(store, chunks, max_bytes, expected_bytes, code, sentence):
    with pytest.raises(UploadRefused, match=sentence) as refused:
        storage.receive(chunks, max_bytes=max_bytes, expected_bytes=expected_bytes)

    assert refused.value.code == code
    assert incoming(store) == []


def test_what_is_announced_as_too_large_is_refused_before_a_byte_is_read(store):
    def unread() -> Iterator[bytes]:
        raise AssertionError("read")
        yield b""

    with pytest.raises(UploadRefused, match="larger than 100 bytes"):
        storage.receive(unread(), max_bytes=100, expected_bytes=101)

    assert incoming(store) == []


def test_a_sender_that_breaks_off_leaves_nothing(store):
    def breaking_off() -> Iterator[bytes]:
        yield b"x"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        storage.receive(breaking_off(), max_bytes=100)

    assert incoming(store) == []


def test_what_is_kept_lies_read_only_under_its_digest(store):
    received = storage.receive(DATA, max_bytes=100)

    storage.keep(received)

    path = store / "sha256" / DIGEST[:2] / DIGEST[2:4] / DIGEST
    assert storage.path_of(DIGEST) == path
    assert path.read_bytes() == WHOLE
    assert mode(path) == 0o440
    assert {mode(directory) for directory in path.parents[:3]} == {0o700}
    assert incoming(store) == []


def test_keeping_twice_is_keeping_once():
    received = storage.receive(DATA, max_bytes=100)
    storage.keep(received)

    storage.keep(received)

    assert storage.verify(DIGEST).read_bytes() == WHOLE


def test_what_is_discarded_is_gone_and_what_is_kept_cannot_be_discarded(store):
    discarded = storage.receive([b"x"], max_bytes=100)
    kept = storage.receive(DATA, max_bytes=100)
    storage.keep(kept)

    storage.discard(discarded)
    storage.discard(discarded)
    storage.discard(kept)

    assert incoming(store) == []
    assert storage.verify(DIGEST)


def test_a_missing_artifact_is_noticed():
    with pytest.raises(ArtifactDamaged, match=r"is missing\. Push the same package again") as damaged:
        storage.verify(DIGEST)

    assert damaged.value.code == "artifact-damaged"


def test_a_changed_artifact_is_noticed_and_healed_by_the_same_bytes():
    storage.keep(storage.receive(DATA, max_bytes=100))
    path = storage.path_of(DIGEST)
    path.chmod(0o600)
    path.write_bytes(b"something else")

    with pytest.raises(ArtifactDamaged, match="was changed on disk"):
        storage.verify(DIGEST)
    storage.keep(storage.receive(DATA, max_bytes=100))

    assert storage.verify(DIGEST).read_bytes() == WHOLE


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", DIGEST.upper(), DIGEST + "\n", DIGEST[:-1]])
def test_only_a_digest_has_a_path(digest):
    with pytest.raises(ValueError, match="Not a SHA-256 digest"):
        storage.path_of(digest)


def test_what_a_killed_process_left_is_removed_once_it_is_old(store):
    old = storage.receive([b"old"], max_bytes=100)
    new = storage.receive([b"new"], max_bytes=100)
    os.utime(old.path, (0, 0))

    removed = storage.discard_abandoned(timedelta(days=1))

    assert removed == 1
    assert incoming(store) == [new.path]
