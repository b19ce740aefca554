"""What is kept stays as it is, and what is wrong with it is noticed: on the file system and in a bucket alike."""

import hashlib
import io
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry import s3, storage
from registry.storage import ArtifactDamaged, ArtifactMissing, Received, StorageAway
from tests.registry.places import Files

DATA = [b"first chunk, ", b"second chunk"]
WHOLE = b"".join(DATA)
DIGEST = hashlib.sha256(WHOLE).hexdigest()
AT_HOME = f"sha256/{DIGEST[:2]}/{DIGEST[2:4]}/{DIGEST}"
DAY = timedelta(days=1)


def received() -> Received:
    return storage.receive(DATA, max_bytes=100)


def kept() -> None:
    storage.keep(received())


def all_of(stream: Iterator[bytes]) -> bytes:
    return b"".join(stream)


def incoming(store: Path) -> list[Path]:
    return list(store.glob("incoming/*"))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


# -- keeping ----------------------------------------------------------------------------------------------------------


def test_what_is_kept_lies_under_its_digest_and_nowhere_else(place, store):
    storage.keep(received())

    assert [key.removeprefix("signalbox/") for key in place.names()] == [AT_HOME]
    assert storage.verify(DIGEST) == len(WHOLE)
    assert all_of(storage.stream(DIGEST)) == WHOLE
    assert incoming(store) == []


def test_keeping_twice_is_keeping_once(place):
    once = received()
    storage.keep(once)

    storage.keep(once)

    assert storage.verify(DIGEST)
    assert len(place.names()) == 1


def test_what_is_discarded_is_gone_and_what_is_kept_cannot_be_discarded(place, store):
    discarded, wanted = storage.receive([b"x"], max_bytes=100), received()
    storage.keep(wanted)

    storage.discard(discarded)
    storage.discard(discarded)
    storage.discard(wanted)

    assert incoming(store) == []
    assert storage.verify(DIGEST)


def test_files_are_read_only_and_directories_private(store):
    kept()

    path = store / AT_HOME
    assert storage.path_of(DIGEST) == path
    assert mode(path) == 0o440
    assert {mode(directory) for directory in path.parents[:4]} == {0o700}


def test_what_is_kept_in_a_bucket_is_no_file_of_this_machine(bucket):
    kept()

    with pytest.raises(ValueError, match=f"they lie in s3://{bucket.name}/signalbox"):
        storage.path_of(DIGEST)


# -- noticing ---------------------------------------------------------------------------------------------------------


def test_a_missing_artifact_is_noticed(place):
    with pytest.raises(ArtifactMissing, match=r"is missing\. Push the same package again") as damaged:
        storage.verify(DIGEST)

    assert damaged.value.code == "artifact-damaged"
    assert not storage.holds(DIGEST)


@pytest.mark.parametrize("content", [b"something else", WHOLE + b"?", WHOLE[:-1], b""])
def test_a_changed_artifact_is_noticed_and_healed_by_the_same_bytes(place, content):
    kept()
    place.overwrite(DIGEST, content)

    with pytest.raises(ArtifactDamaged, match="was changed in the storage"):
        storage.verify(DIGEST)
    kept()

    assert storage.verify(DIGEST)


@pytest.mark.parametrize("content", [b"something else", b""])
def test_what_was_changed_never_comes_to_hand(place, store, content):
    kept()
    place.overwrite(DIGEST, content)

    with pytest.raises(ArtifactDamaged), storage.at_hand(DIGEST):
        pytest.fail("it was handed out")

    assert incoming(store) == []


def test_what_comes_to_hand_is_a_local_file_with_these_very_bytes(place, store):
    kept()

    with storage.at_hand(DIGEST) as path:
        content = path.read_bytes()

    assert content == WHOLE
    assert incoming(store) == []
    assert storage.verify(DIGEST)


def test_what_is_missing_never_comes_to_hand(place):
    with pytest.raises(ArtifactMissing), storage.at_hand(DIGEST):
        pytest.fail("it was handed out")


def test_a_disk_that_cannot_read_what_it_wrote_is_damage(monkeypatch):
    kept()

    def unreadable(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(storage.Stream, "__next__", unreadable)

    with pytest.raises(ArtifactDamaged):
        storage.verify(DIGEST)


def test_whoever_verifies_may_pause_after_every_block_and_stop_there(place):
    kept()

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        storage.verify(DIGEST, pause=stop)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", DIGEST.upper(), DIGEST + "\n", DIGEST[:-1]])
def test_only_a_digest_has_a_place(place, digest):
    with pytest.raises(ValueError, match="Not a SHA-256 digest"):
        storage.verify(digest)


# -- reading parts, listing, removing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, None, WHOLE),
        (0, 5, WHOLE[:5]),
        (3, 4, WHOLE[3:7]),
        (20, None, WHOLE[20:]),
        (len(WHOLE) - 1, 1, WHOLE[-1:]),
        (0, len(WHOLE), WHOLE),
        (4, 0, b""),
    ],
)
def test_a_part_is_read_from_where_it_begins(place, start, length, expected):
    kept()

    assert all_of(storage.stream(DIGEST, start, length)) == expected


def test_everything_that_lies_there_is_listed(place):
    kept()
    storage.keep(storage.receive([b"x"], max_bytes=100))

    found = {(stored.sha256, stored.size) for stored in storage.digests()}

    assert found == {(DIGEST, len(WHOLE)), (hashlib.sha256(b"x").hexdigest(), 1)}
    assert {abs(datetime.now(UTC) - stored.kept_at) < timedelta(minutes=5) for stored in storage.digests()} == {True}


def test_a_storage_in_which_nothing_was_ever_kept_is_told_from_one_that_is_used(place):
    before = storage.is_blank()
    kept()

    assert (before, storage.is_blank()) == (True, False)


def test_what_is_removed_is_gone(place):
    kept()

    removed = [storage.remove(DIGEST), storage.remove(DIGEST)]

    assert removed == [True, False]
    assert place.names() == []


def test_what_was_kept_again_meanwhile_stays(place):
    kept()

    removed = storage.remove(DIGEST, kept_before=datetime.now(UTC) - DAY)

    assert not removed
    assert storage.verify(DIGEST)


def test_what_is_kept_again_counts_as_kept_now(store):
    kept()
    Files(store).age(DIGEST, time.time() - 2 * DAY.total_seconds())
    anew = received()
    os.utime(anew.path, (0, 0))
    storage.keep(anew)

    removed = storage.remove(DIGEST, kept_before=datetime.now(UTC) - DAY)

    assert not removed
    assert storage.verify(DIGEST)


def test_the_storage_says_that_it_can_be_used(place):
    assert storage.ask().startswith("The package storage can be ")


# -- buckets alone ----------------------------------------------------------------------------------------------------


@pytest.fixture
def small_parts(monkeypatch) -> int:
    """The least that S3 takes."""
    monkeypatch.setattr(s3, "PART", 5 * 1024**2)
    return s3.PART


@pytest.mark.parametrize("over", [0, 1, 5 * 1024**2 + 1])
def test_what_is_large_goes_into_a_bucket_in_parts(bucket, small_parts, over):
    content = os.urandom(small_parts + over)
    large = storage.receive([content], max_bytes=10**8)

    storage.keep(large)

    assert storage.verify(large.sha256) == len(content)
    assert bucket.parts_under_way() == []


@pytest.mark.parametrize("size", [100, 12 * 1024**2])
def test_what_was_changed_on_the_local_disk_is_not_uploaded(bucket, small_parts, size):
    large = storage.receive([bytes(size)], max_bytes=10**8)
    large.path.write_bytes(b"?" * size)

    with pytest.raises(StorageAway, match="was changed on the local disk"):
        storage.keep(large)

    assert bucket.names() == []
    assert bucket.parts_under_way() == []


def test_a_bucket_that_kept_too_little_is_noticed(bucket, monkeypatch):
    client: Any = storage._place().client
    monkeypatch.setattr(client, "put_object", lambda **_: bucket.overwrite(DIGEST, b"short"))

    with pytest.raises(StorageAway, match="kept 5 bytes instead of 25"):
        kept()


def test_a_bucket_that_is_not_there_is_not_taken_for_a_missing_package(bucket):
    kept()
    bucket.lose(DIGEST)
    bucket.client.delete_bucket(Bucket=bucket.name)

    with pytest.raises(StorageAway, match=r"refuses \(NoSuchBucket\)"):
        storage.verify(DIGEST)
    with pytest.raises(StorageAway, match=f"has no bucket {bucket.name}"):
        storage.ask()


def test_a_server_that_does_not_answer_is_told_in_a_sentence(bucket, settings, monkeypatch):
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    options = bucket.options | {"endpoint_url": "http://127.0.0.1:9"}
    settings.STORAGES = settings.STORAGES | {"packages": bucket.storage["packages"] | {"OPTIONS": options}}

    with pytest.raises(StorageAway, match=r"cannot be reached \(EndpointConnectionError\)") as refused:
        kept()

    assert refused.value.code == "storage-away"


def test_a_connection_that_breaks_while_it_is_read_is_told_in_a_sentence(bucket, monkeypatch):
    kept()
    stream = storage.stream(DIGEST)
    monkeypatch.setattr(stream._source._body, "_raw_stream", io.BytesIO(WHOLE[:3]))

    with pytest.raises(StorageAway, match=r"cannot be reached \(IncompleteReadError\)"):
        all_of(stream)


def test_an_address_opens_one_package_for_a_while(bucket):
    import requests

    kept()

    answer = requests.get(storage.address(DIGEST, 'attachment; filename="ui.zip"') or "", timeout=10)

    assert (answer.status_code, answer.content) == (200, WHOLE)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ui.zip"'


def test_files_have_no_address(store):
    kept()

    assert storage.address(DIGEST, "attachment") is None
