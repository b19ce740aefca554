"""Archives damaged at random: read or refused, but never anything else, and never written anywhere else.

The same few hundred examples each time, so that everybody gets the same answer. To search for new ones, for as long as
there are examples:

    FUZZ_EXAMPLES=20000 .venv/bin/python -m pytest -W ignore tests/registry/test_fuzzed_archives.py
"""

import bz2
import gzip
import io
import os
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.inspection import Inspection, Limits, PackageRefused, inspect, unpack
from tests.registry.crafted import (
    DEFLATED,
    END,
    GNU,
    SIZES_BEHIND,
    STORED,
    UTF8,
    Crafted,
    base_256,
    crafted_zip,
    crafted_zip64,
    long_name,
    pax,
    tar_block,
)
from tests.registry.packages import SCRIPT, a_tar, a_tar_of, a_zip, cdaf_files, cdaf_script, tar_entry

LIMITS = Limits(unpacked_bytes=200_000, members=20, ratio=50, ratio_from_bytes=20_000)
FILES = {
    "release.sh": SCRIPT * 20,
    "dist/index.html": bytes(range(256)) * 4,
    "dist/páge": b"x",
    "manifest": b"api=1.0\n",
}
SEARCH = int(os.environ.get("FUZZ_EXAMPLES", "0"))
fuzzed = settings(
    max_examples=SEARCH or 100,
    derandomize=not SEARCH,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


# -- what must hold ---------------------------------------------------------------------------------------------------


def outcome(look: Callable[[], Inspection]) -> Inspection | str:
    """What it comes to: an inspection, or the sentence that refuses it. Anything else is raised."""
    try:
        return look()
    except PackageRefused as refused:
        return refused.sentence


def wrongs(data: bytes) -> list[str]:
    """What is wrong about how it is inspected and unpacked; there should be nothing."""
    with tempfile.TemporaryDirectory() as directory:
        package, run = Path(directory, "package"), Path(directory, "run")
        package.write_bytes(data)
        inspected, unpacked = outcome(lambda: inspect(package, LIMITS)), outcome(lambda: unpack(package, run, LIMITS))
        there = [path.lstat() for path in run.rglob("*")]
        files = [each for each in there if stat.S_ISREG(each.st_mode)]
        claims = {
            "it is unpacked as it was inspected": inspected == unpacked,
            "nothing is left of what is refused": isinstance(unpacked, Inspection) or not there,
            "only plain files and directories": all(oct(each.st_mode) in MODES for each in there),
            "nothing beside the directory": {path.name for path in Path(directory).iterdir()} == {"package", "run"},
            "as many bytes as it says": isinstance(unpacked, str)
            or unpacked.unpacked_bytes == sum(each.st_size for each in files),
            "as many members as it says": isinstance(unpacked, str) or len(files) <= unpacked.members <= 20,
        }
        broken = [claim for claim, holds in claims.items() if not holds]
        return [*broken, repr(inspected), repr(unpacked)] if broken else []


MODES = {oct(mode) for mode in (stat.S_IFREG | 0o644, stat.S_IFREG | 0o755, stat.S_IFDIR | 0o755)}


# -- archives that were whole once ------------------------------------------------------------------------------------

BLOCKS = (
    long_name(b"n" * 120)
    + tar_block(b"short", b"x" * 600, size=base_256(600), magic=GNU)
    + pax([("comment", "0123")], b"g")
    + pax([("path", "dist/pax"), ("mtime", "1.5")])
    + tar_block(b"pax", b"y" * 10)
    + tar_block(b"d/", kind=b"5")
)
ZIPPED = [
    Crafted(b"dist/", b"", mode=0o040755),
    Crafted("dist/páge".encode(), b"x" * 300, DEFLATED, UTF8),
    Crafted(b"stored", b"z" * 100),
]
WHOLE = {
    "deflated zip": a_zip(FILES),
    "stored zip": a_zip(FILES, zipfile.ZIP_STORED),
    "zip in 64 bits": crafted_zip64(*ZIPPED),
    "tar": a_tar(FILES),
    "tar of GNU": a_tar_of(*[(tar_entry(name), data) for name, data in FILES.items()], format=tarfile.GNU_FORMAT),
    "tar of all kinds of header": BLOCKS + END,
    "tar.gz": a_tar(FILES, "gz"),
    "tar.bz2": a_tar(FILES, "bz2"),
    "script": cdaf_script(cdaf_files("TEST", "PROD")),
}
PACKING = {"": bytes, "gz": gzip.compress, "bz2": bz2.compress}


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A few bytes flipped, cut out, put in, or copied from elsewhere."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 40) | st.integers(0, len(data)))
        match draw(st.sampled_from(["flip", "flip", "number", "cut", "insert", "copy", "end"])):
            case "flip":
                data[at : at + 1] = bytes(byte ^ draw(st.integers(1, 255)) for byte in data[at : at + 1])
            case "number":
                data[at : at + 4] = draw(
                    st.sampled_from([bytes(4), b"\xff" * 4, b"PK\x01\x02", b"PK\x03\x04", b"7777"])
                )
            case "cut":
                del data[at : at + length]
            case "insert":
                data[at:at] = draw(st.binary(max_size=40))
            case "copy":
                to = draw(st.integers(0, len(data)))
                data[to:to] = data[at : at + length]
            case "end":
                del data[at:]
    return bytes(data)


@fuzzed
@given(st.sampled_from(sorted(WHOLE)).flatmap(lambda kind: damaged(WHOLE[kind])))
def test_a_damaged_archive_does_no_harm(data):
    assert wrongs(data) == []


@fuzzed
@given(st.sampled_from(["gz", "bz2"]), damaged(WHOLE["tar"]) | damaged(BLOCKS + END))
def test_a_damaged_tar_does_no_harm_when_it_was_compressed_afterwards(packing, data):
    assert wrongs(PACKING[packing](data)) == []


# -- archives that never were whole -----------------------------------------------------------------------------------

PARTS = st.sampled_from(
    ["a", "A", "b", "dist", "release.sh", "..", ".", "", "C:", "é", "e\u0301", "a.", " ", "\x00", "\\", "n" * 256]
)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
CONTENT = st.sampled_from([b"", b"x", SCRIPT, b"x" * 513, bytes(30_000), bytes(range(256)) * 20])
NUMBERS = st.sampled_from([0, 1, 2, 8, 100, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF]) | st.integers(0, 3000)
SHORT = NUMBERS.filter(lambda number: number <= 0xFFFF)


@st.composite
def zipped(draw: st.DrawFn) -> Crafted:
    name = draw(PATHS).encode()
    lies = st.fixed_dictionaries(
        {},
        optional={
            "name": PATHS.map(str.encode),
            "flags": SHORT,
            "method": st.sampled_from([0, 8, 9, 12]),
            "crc": NUMBERS,
            "packed": NUMBERS,
            "size": NUMBERS,
            "extra": st.binary(max_size=12)
            | st.binary(max_size=24).map(lambda data: b"\1\0" + bytes([len(data), 0]) + data),
        },
    )
    no_lies: st.SearchStrategy[dict[str, Any]] = st.just({})
    return Crafted(
        name,
        draw(CONTENT),
        draw(st.sampled_from([STORED, DEFLATED])),
        draw(st.sampled_from([UTF8, UTF8 | SIZES_BEHIND, 0, 1])),
        draw(st.sampled_from([0o100644, 0o100755, 0o040755, 0, 0o120777, 0o104000])),
        behind=draw(st.sampled_from([b"", b"", bytes(12), b"PK\x07\x08" + bytes(12)])),
        local=draw(no_lies | no_lies | lies),
        central=draw(no_lies | no_lies | lies | st.fixed_dictionaries({"offset": NUMBERS})),
    )


@fuzzed
@given(
    st.lists(zipped(), max_size=5),
    st.fixed_dictionaries({}, optional={"count": SHORT, "size": NUMBERS, "offset": NUMBERS}),
)
def test_a_zip_of_lies_does_no_harm(files, end):
    assert wrongs(crafted_zip(*files, **end)) == []


@fuzzed
@given(
    st.lists(zipped(), max_size=3),
    st.fixed_dictionaries({}, optional={"count": NUMBERS, "size": NUMBERS, "offset": NUMBERS}),
)
def test_a_zip_of_lies_in_64_bits_does_no_harm(files, end):
    assert wrongs(crafted_zip64(*files, **end)) == []


KINDS = st.sampled_from([bytes([kind]) for kind in b"0005557\x001234567xgLKSDMNVXA"])
MAGIC = [
    *({"magic": b"ustar\x0000", "prefix": prefix} for prefix in (b"", b"dist", b"..", b"/")),
    *({"magic": magic, "prefix": b""} for magic in (GNU, bytes(8))),  # others than Python see no prefix in these
]
KEYS = st.sampled_from(["path", "size", "linkpath", "hdrcharset", "GNU.sparse.major", "mtime", "comment"])
VALUES = PATHS | NUMBERS.map(str) | st.sampled_from(["-1", "", "1e3", "BINARY", "\n"])


@st.composite
def block(draw: st.DrawFn) -> bytes:
    match draw(st.sampled_from(["file", "file", "any", "pax", "long"])):
        case "file":
            return tar_block(draw(PATHS).encode()[:100], draw(CONTENT))
        case "pax":
            return pax(draw(st.lists(st.tuples(KEYS, VALUES), max_size=3)), draw(st.sampled_from([b"x", b"x", b"g"])))
        case "long":
            return long_name(draw(PATHS).encode())
    return tar_block(
        draw(PATHS).encode()[:100],
        draw(CONTENT),
        draw(KINDS),
        size=draw(st.none() | NUMBERS.map(base_256) | st.sampled_from([base_256(-1), b"", b"9", b"-1", b"+1", b"0x1"])),
        mode=draw(st.sampled_from([b"0000755", b"0006777", b"0000000", b"", b"9"])),
        **draw(st.sampled_from(MAGIC)),
    )


@fuzzed
@given(
    st.lists(block(), max_size=6),
    st.sampled_from(sorted(PACKING)),
    st.sampled_from([END, END, b"", END + b"x", bytes(512)]),
)
def test_a_tar_of_lies_does_no_harm(blocks, packing, end):
    assert wrongs(PACKING[packing](b"".join(blocks) + end)) == []


# -- what other programs find in it -----------------------------------------------------------------------------------


def found_by_us(data: bytes) -> dict[str, bytes] | None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "package").write_bytes(data)
        run = Path(directory, "run")
        if isinstance(outcome(lambda: unpack(Path(directory, "package"), run, LIMITS)), str):
            return None
        return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def found_by_zipfile(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {plain(in_utf8(info)): archive.read(info) for info in archive.infolist() if not info.is_dir()}


def in_utf8(info: zipfile.ZipInfo) -> str:
    """Its name as we read it where nothing is said about it; zipfile always takes it for the code page of DOS."""
    return info.filename if info.flag_bits & UTF8 else info.filename.encode("cp437").decode()


def found_by_tarfile(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), errorlevel=2) as archive:
        return {plain(info.name): archive.extractfile(info).read() for info in archive if not info.isdir()}


def plain(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("", "."))


@fuzzed
@given(
    st.lists(zipped(), min_size=1, max_size=4).map(lambda files: crafted_zip(*files)) | damaged(WHOLE["deflated zip"])
)
def test_what_we_accept_of_a_zip_pythons_own_reader_finds_as_well(data):
    ours = found_by_us(data)

    assert ours is None or ours == found_by_zipfile(data)


@fuzzed
@given(st.lists(block(), min_size=1, max_size=4).map(lambda blocks: b"".join(blocks) + END) | damaged(WHOLE["tar"]))
def test_what_we_accept_of_a_tar_pythons_own_reader_finds_as_well(data):
    ours = found_by_us(data)

    assert ours is None or ours == found_by_tarfile(data)
