"""Every way in which an archive could do harm: refused with its own sentence, and nothing is left behind."""

import bz2
import gzip
import random
import struct
import tarfile
import zipfile
from contextlib import suppress

import pytest

from registry.inspection import Limits, PackageRefused, inspect, unpack
from tests.registry.packages import SCRIPT, a_tar, a_tar_of, a_zip, a_zip_of, saved, tar_entry, zip_entry

LIMITS = Limits(unpacked_bytes=3_000_000, members=50, ratio=100, ratio_from_bytes=100_000)
NOISE = random.Random(1).randbytes(300_000)


def a_patched_zip(offset_in_central_entry: int, layout: str, value: int, *, data: bytes = b"x" * 100) -> bytes:
    """A zip of one file whose central directory claims something else."""
    archive = bytearray(a_zip({"release.sh": data}))
    struct.pack_into(layout, archive, archive.index(b"PK\x01\x02") + offset_in_central_entry, value)
    return bytes(archive)


def a_tar_with(name: str, kind: bytes, link: str = "") -> bytes:
    return a_tar_of((tar_entry("release.sh"), SCRIPT), (tar_entry(name, kind, link), b""))


def a_zip_with(name: str, mode: int = 0, data: bytes = b"x") -> bytes:
    return a_zip_of((zip_entry("release.sh"), SCRIPT), (zip_entry(name, mode), data))


def a_zip_with_raw_name(name: bytes) -> bytes:
    placeholder = b"N" * len(name)
    return a_zip({placeholder.decode(): b"x"}).replace(placeholder, name)


def a_tar_with_raw_name(name: bytes) -> bytes:
    info = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
    return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "surrogateescape") + bytes(1024)


def an_overlapping_zip() -> bytes:
    """Two entries of the table of contents that point at the same bytes."""
    archive = bytearray(a_zip_of((zip_entry("same-name"), NOISE), (zip_entry("same-mane"), b"x")))
    second = archive.rindex(b"PK\x01\x02")
    struct.pack_into("<L", archive, second + 42, 0)
    return bytes(archive)


def a_sparse_tar() -> bytes:
    info = tar_entry("disk.img")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9999999"}
    return a_tar_of((info, b"0\n" + bytes(510)))


def a_tar_with_huge_header() -> bytes:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 2_000_000
    return gzip.compress(info.tobuf() + bytes(2_000_000))


def a_damaged_tar() -> bytes:
    archive = bytearray(a_tar({"one": b"1" * 512, "two": b"2" * 512}))
    archive[1024] ^= 0xFF
    return bytes(archive)


MANY = {f"file-{number}": b"x" for number in range(51)}
DEEP = "/".join(["d"] * 33)

HOSTILE = {
    "an empty file": (b"", "is empty"),
    "text": (b"hello world, this is no archive\n", "no package that Signalbox knows"),
    "zeros": (bytes(4096), "no package that Signalbox knows"),
    "a 7z archive": (b"7z\xbc\xaf\x27\x1c" + NOISE[:600], "no package that Signalbox knows"),
    "a compressed file that is no tar": (gzip.compress(b"hello" * 200), "no package that Signalbox knows"),
    "a bz2 file that is no tar": (bz2.compress(b"hello" * 200), "no package that Signalbox knows"),
    "a zip without files": (a_zip({}), "holds no files"),
    "a tar without files": (a_tar_of((tar_entry("d", tarfile.DIRTYPE), b"")), "holds no files"),
    "zip: parent directory": (a_zip_with("../evil"), "outside its directory"),
    "zip: parent directory in the middle": (a_zip_with("a/../../evil"), "outside its directory"),
    "tar: parent directory": (a_tar({"../evil": b"x"}), "outside its directory"),
    "tar: parent directory as a directory": (a_tar_with("a/../..", tarfile.DIRTYPE), "outside its directory"),
    "zip: absolute": (a_zip_with("/etc/evil"), "absolute path"),
    "tar: absolute": (a_tar({"/etc/evil": b"x"}), "absolute path"),
    "zip: drive letter": (a_zip_with("C:evil"), "absolute path"),
    "tar: drive letter": (a_tar({"c:/evil": b"x"}), "absolute path"),
    "zip: backslash": (a_zip_with_raw_name(b"..\\evil"), "backslash"),
    "tar: backslash": (a_tar({"..\\evil": b"x"}), "backslash"),
    "zip: symbolic link": (a_zip_with("link", 0o120777, b"/etc/passwd"), "symbolic link “link”"),
    "tar: symbolic link": (a_tar_with("link", tarfile.SYMTYPE, "/etc/passwd"), "symbolic link “link”"),
    "tar: symbolic link inside": (a_tar_with("link", tarfile.SYMTYPE, "release.sh"), "symbolic link “link”"),
    "tar: hard link": (a_tar_with("link", tarfile.LNKTYPE, "release.sh"), "hard link “link”"),
    "zip: device": (a_zip_with("null", 0o020666), "special file"),
    "tar: character device": (a_tar_with("null", tarfile.CHRTYPE), "special file"),
    "tar: block device": (a_tar_with("disk", tarfile.BLKTYPE), "special file"),
    "zip: pipe": (a_zip_with("pipe", 0o010666), "special file"),
    "tar: pipe": (a_tar_with("pipe", tarfile.FIFOTYPE), "special file"),
    "tar: unknown kind": (a_tar_with("volume", b"V"), "special file"),
    "tar: sparse": (a_sparse_tar(), "sparse file “disk.img”"),
    "zip: twice": (a_zip_of((zip_entry("a"), b"1"), (zip_entry("a"), b"2")), "“a” twice"),
    "tar: twice": (a_tar_of((tar_entry("a"), b"1"), (tar_entry("./a"), b"2")), "“a” twice"),
    "zip: case": (a_zip({"Release.sh": b"1", "release.sh": b"2"}), "upper and lower case"),
    "tar: case of a directory": (a_tar({"Dist/a": b"1", "dist/b": b"2"}), "upper and lower case"),
    "tar: composed and decomposed": (a_tar({"caf\u00e9": b"1", "cafe\u0301": b"2"}), "one name"),
    "zip: file under file": (a_zip({"a": b"1", "a/b": b"2"}), "both as a file and as a directory"),
    "tar: file over directory": (a_tar({"a/b": b"1", "a": b"2"}), "both as a file and as a directory"),
    "zip: directory with data": (a_zip_with("d/"), "both as a file and as a directory"),
    "zip: file said to be a directory": (a_zip_with("d", 0o040755), "both as a file and as a directory"),
    "zip: encrypted": (a_patched_zip(8, "<H", 1), "is encrypted"),
    "zip: strongly encrypted": (a_patched_zip(8, "<H", 0x41), "is encrypted"),
    "zip: exotic compression": (a_zip({"a": b"x"}, zipfile.ZIP_LZMA), "other than deflate"),
    "zip: too many members": (a_zip(MANY), "more than 50 files"),
    "tar: too many members": (a_tar(MANY), "more than 50 files"),
    "tar: too many directories by name alone": (
        a_tar({f"{'/'.join('abcdefghij')}/{n}/x": b"" for n in range(30)}),
        "more than 50",
    ),
    "tar: one directory again and again": (a_tar_of(*[(tar_entry("d", tarfile.DIRTYPE), b"")] * 51), "more than 50"),
    "zip: unpacks too large": (a_zip({str(n): NOISE for n in range(11)}), "more than 3,000,000 bytes"),
    "tar: unpacks too large": (a_tar({str(n): NOISE for n in range(11)}, "gz"), "more than 3,000,000 bytes"),
    "tar: one file too large": (a_tar({"a": bytes(3_000_001)}), "more than 3,000,000 bytes"),
    "zip: bomb": (a_zip({"a": bytes(2_000_000)}), "more than 100 times its size"),
    "tar.gz: bomb": (a_tar({"a": bytes(2_000_000)}, "gz"), "more than 100 times its size"),
    "tar.bz2: bomb": (a_tar({"a": bytes(2_000_000)}, "bz2"), "more than 100 times its size"),
    "tar.gz: bomb after the end": (
        gzip.compress(a_tar({"a": b"x"}) + bytes(2_900_000)),
        "more than 100 times its size",
    ),
    "tar.gz: bomb in a header": (a_tar_with_huge_header(), "damaged or cut off"),
    "zip: overlapping files": (an_overlapping_zip(), "overlap each other"),
    "zip: claims less than it holds": (a_patched_zip(24, "<L", 10), "damaged or cut off"),
    "zip: claims more than it holds": (a_patched_zip(24, "<L", 200), "damaged or cut off"),
    "zip: claims far too much": (a_patched_zip(24, "<L", 4_000_000_000), "more than 3,000,000 bytes"),
    "zip: wrong checksum": (a_patched_zip(16, "<L", 1), "damaged or cut off"),
    "zip: patched data": (a_patched_zip(8, "<H", 0x20), "damaged or cut off"),
    "zip: beyond the end": (a_patched_zip(42, "<L", 4_000_000), "damaged or cut off"),
    "zip: another name inside": (
        a_zip({"release.sh": SCRIPT}).replace(b"release.sh", b"elease.shr", 1),
        "damaged or cut off",
    ),
    "zip: cut off": (a_zip({"a": NOISE})[:-100], "damaged or cut off"),
    "zip: only the beginning": (a_zip({"a": NOISE})[:1000], "damaged or cut off"),
    "tar: cut off in a file": (a_tar({"a": NOISE})[:1000], "damaged or cut off"),
    "tar: cut off between files": (a_tar({"a": b"x" * 512})[:1024], "damaged or cut off"),
    "tar.gz: cut off": (a_tar({"a": NOISE}, "gz")[:-9], "damaged or cut off"),
    "tar.gz: wrong checksum": (a_tar({"a": NOISE}, "gz")[:-8] + bytes(8), "damaged or cut off"),
    "tar.gz: followed by rubbish": (a_tar({"a": NOISE}, "gz") + b"rubbish", "damaged or cut off"),
    "tar.bz2: cut off": (a_tar({"a": NOISE}, "bz2")[:-9], "damaged or cut off"),
    "tar.bz2: damaged": (a_tar({"a": NOISE}, "bz2")[:2000] + bytes(9000), "damaged or cut off"),
    "tar: damaged header in the middle": (a_damaged_tar(), "damaged or cut off"),
    "tar: a second archive after the end": (a_tar({"a": b"x"}) + a_tar({"b": b"x"}), "goes on after its end"),
    "zip: NUL in a name": (a_zip_with_raw_name(b"release.sh\x00.txt"), "control characters"),
    "zip: line break in a name": (a_zip_with("a\nb"), "control characters"),
    "tar: escape in a name": (a_tar({"a\x1b[2Jb": b"x"}), "control characters"),
    "tar: name not in UTF-8": (a_tar_with_raw_name(b"caf\xe9"), "not in UTF-8"),
    "zip: name not in UTF-8": (a_zip({"café": b"x"}).replace("café".encode(), b"caf\xe9\xe9"), "damaged or cut off"),
    "zip: file without a name": (a_zip_with("."), "without a name"),
    "tar: name too long": (a_tar({"n" * 256: b"x"}), "too long or too deep"),
    "tar: path too long": (a_tar({"/".join(["n" * 200] * 6): b"x"}), "too long or too deep"),
    "tar: too deep": (a_tar({DEEP: b"x"}), "too long or too deep"),
}


@pytest.mark.parametrize(("data", "sentence"), HOSTILE.values(), ids=HOSTILE.keys())
def test_it_is_refused_at_the_door(tmp_path, data, sentence):
    with pytest.raises(PackageRefused, match=sentence) as refused:
        inspect(saved(tmp_path, data), LIMITS)

    assert refused.value.sentence.endswith(".")
    assert refused.value.code == "package-refused"


@pytest.mark.parametrize(("data", "sentence"), HOSTILE.values(), ids=HOSTILE.keys())
def test_it_is_refused_when_unpacked_too_and_leaves_nothing(tmp_path, data, sentence):
    path = saved(tmp_path, data)

    with pytest.raises(PackageRefused, match=sentence):
        unpack(path, tmp_path / "outer" / "run", LIMITS)

    assert [found.name for found in (tmp_path / "outer").rglob("*")] == ["run"]
    assert sorted(found.name for found in tmp_path.iterdir()) == ["outer", "package"]


@pytest.mark.parametrize("seed", range(60))
def test_a_file_damaged_anywhere_is_read_or_refused_but_never_breaks(tmp_path, seed):
    chance = random.Random(seed)
    build = chance.choice([a_zip, a_tar, lambda files: a_tar(files, "gz"), lambda files: a_tar(files, "bz2")])
    data = bytearray(build({"release.sh": SCRIPT * 20, "dist/index.html": NOISE[:3000]}))
    for _ in range(chance.randint(1, 20)):
        data[chance.randrange(len(data))] = chance.randrange(256)

    with suppress(PackageRefused):
        unpack(saved(tmp_path, bytes(data)), tmp_path / "run", LIMITS)

    assert {found.name for found in tmp_path.iterdir()} <= {"package", "run"}
