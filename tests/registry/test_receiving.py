"""Bytes on their way in: hashed, in constant memory, and nothing left of what is not wanted."""

import errno
import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from registry import receiving, storage
from registry.storage import StorageAway, StorageFull, UploadRefused

DATA = [b"first chunk, ", b"second chunk"]
WHOLE = b"".join(DATA)
DIGEST = hashlib.sha256(WHOLE).hexdigest()
BLOCK = bytes(receiving.BLOCK)


def incoming(store: Path) -> list[Path]:
    return list(store.glob("incoming/*"))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def a_large_one(megabytes: int) -> Iterator[bytes]:
    for number in range(megabytes * 4):
        yield number.to_bytes(4, "big") + BLOCK[4:]


def test_what_arrives_is_hashed_and_lies_in_a_private_file(store):
    received = storage.receive(DATA, max_bytes=100, expected_bytes=len(WHOLE))

    assert (received.sha256, received.size) == (DIGEST, len(WHOLE))
    assert received.path.read_bytes() == WHOLE
    assert received.path.parent == store / "incoming"
    assert mode(received.path) == 0o600
    assert mode(store) == mode(store / "incoming") == 0o700


def test_what_is_large_is_hashed_and_written_just_the_same():
    received = storage.receive(a_large_one(70), max_bytes=10**9)

    assert received.size == 70 * 1024**2
    assert received.sha256 == hashlib.sha256(b"".join(a_large_one(70))).hexdigest()
    assert received.path.read_bytes() == b"".join(a_large_one(70))


def test_the_threads_that_help_with_what_is_large_end_with_it():
    before = threading.active_count()

    storage.receive(a_large_one(40), max_bytes=10**9)

    assert threading.active_count() == before


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
        (a_large_one(40), 39 * 1024**2, None, "upload-too-large", "larger than"),
    ],
)
def test_what_arrives_wrongly_is_refused_and_leaves_nothing(store, chunks, max_bytes, expected_bytes, code, sentence):
    with pytest.raises(UploadRefused, match=sentence) as refused:
        storage.receive(chunks, max_bytes=max_bytes, expected_bytes=expected_bytes)

    assert refused.value.code == code
    assert incoming(store) == []


def unread() -> Iterator[bytes]:
    raise AssertionError("read")
    yield b""


def test_what_is_announced_as_too_large_is_refused_before_a_byte_is_read(store):
    with pytest.raises(UploadRefused, match="larger than 100 bytes"):
        storage.receive(unread(), max_bytes=100, expected_bytes=101)

    assert incoming(store) == []


@pytest.mark.parametrize("megabytes", [0, 20])
def test_a_sender_that_breaks_off_leaves_nothing(store, megabytes):
    def breaking_off() -> Iterator[bytes]:
        yield from a_large_one(megabytes)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        storage.receive(breaking_off(), max_bytes=10**9)

    assert incoming(store) == []


def test_what_finds_no_room_is_refused_before_a_byte_is_read(store, settings):
    settings.PACKAGES_SPARE_BYTES = 0

    with pytest.raises(StorageFull, match="There is no room for this package"):
        storage.receive(unread(), max_bytes=2**62, expected_bytes=storage.room() + 10**9)

    assert incoming(store) == []


def test_what_is_to_stay_free_stays_free(store, settings):
    settings.PACKAGES_SPARE_BYTES = 2**60

    with pytest.raises(StorageFull) as refused:
        storage.receive(unread(), max_bytes=100)

    assert refused.value.code == "storage-full"
    assert incoming(store) == []


@pytest.mark.parametrize("megabytes", [1, 20])
def test_a_disk_that_fills_up_is_told_in_a_sentence_and_nothing_is_left(store, monkeypatch, megabytes):
    write = os.write
    room = [megabytes * 1024**2 - 100]

    def write_as_long_as_there_is_room(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = data[: room[0]]
        room[0] -= len(taken)
        return write(descriptor, taken)

    monkeypatch.setattr(receiving.os, "write", write_as_long_as_there_is_room)

    with pytest.raises(StorageFull, match="the disk of the package storage is full"):
        storage.receive(a_large_one(megabytes), max_bytes=10**9)

    assert incoming(store) == []


@pytest.fixture
def small_disk(settings, tmp_path) -> Iterator[Path]:
    """Package storage of 16 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", str(disk)], check=True)
    settings.PACKAGES_DIR, settings.PACKAGES_SPARE_BYTES = disk / "packages", 0
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.root
@pytest.mark.parametrize(("megabytes", "announced"), [(17, None), (40, None), (17, 17 * 1024**2)])
def test_a_disk_that_is_really_full_leaves_nothing_and_takes_the_next_one(small_disk, megabytes, announced):
    with pytest.raises(StorageFull):
        storage.receive(a_large_one(megabytes), max_bytes=10**9, expected_bytes=announced)

    assert incoming(small_disk / "packages") == []
    assert storage.receive(a_large_one(10), max_bytes=10**9).size == 10 * 1024**2


def test_what_the_disk_only_refuses_later_is_noticed(store, monkeypatch):
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(receiving.os, "fdatasync", fail)

    with pytest.raises(StorageAway, match=r"cannot be used \(Input/output error\)"):
        storage.receive(a_large_one(40), max_bytes=10**9)

    assert incoming(store) == []


def test_a_storage_that_cannot_be_written_is_told_in_a_sentence(settings, tmp_path):
    (tmp_path / "file").write_text("no directory")
    settings.PACKAGES_DIR = tmp_path / "file" / "packages"

    with pytest.raises(StorageAway, match=r"The package storage cannot be used \(Not a directory\)"):
        storage.receive(unread(), max_bytes=100)


def test_what_a_killed_process_left_is_removed_once_it_is_old(store):
    old = storage.receive([b"old"], max_bytes=100)
    new = storage.receive([b"new"], max_bytes=100)
    os.utime(old.path, (0, 0))

    removed = storage.discard_abandoned(timedelta(days=1))

    assert removed == 1
    assert incoming(store) == [new.path]
