"""What archivers really write, and what is no harm: read as it was meant."""

import bz2
import gzip
import io
import os
import random
import struct
import subprocess
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from registry.inspection import Limits, inspect, unpack
from tests.registry.crafted import (
    DEFLATED,
    END,
    GNU,
    SIZES_BEHIND,
    UTF8,
    Crafted,
    base_256,
    crafted_zip,
    crafted_zip64,
    deflated,
    extra,
    long_name,
    name_in_utf8,
    pax,
    tar_block,
)
from tests.registry.packages import SCRIPT, a_tar, saved

LIMITS = Limits(unpacked_bytes=10_000_000, members=1000, ratio=200)
SOURCES = Path(__file__).parents[2] / "registry"
RELEASE = Crafted(b"release.sh", SCRIPT)
DATA = b"1234567890" * 30
UNKNOWN = {"crc": 0, "packed": 0, "size": 0}  # when the header in front of the data is written
CRC, PACKED = zlib.crc32(DATA), len(deflated(DATA))
IN_64 = extra(1, struct.pack("<2Q", len(DATA), PACKED))


def unpacked(tmp_path, data: bytes) -> dict[str, bytes]:
    """Path and bytes of every file."""
    unpack(saved(tmp_path, data), tmp_path / "run", LIMITS)
    found = {path.relative_to(tmp_path / "run"): path for path in (tmp_path / "run").rglob("*") if path.is_file()}
    return {str(name): path.read_bytes() for name, path in found.items()}


def stored_blocks(data: bytes) -> bytes:
    packing = zlib.compressobj(0, zlib.DEFLATED, -15)
    return packing.compress(data) + packing.flush()


def written_by_zipfile_to_a_pipe() -> bytes:
    class Pipe(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, piece: bytes) -> int:  # type: ignore[override]
            self.data += bytes(piece)
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", DATA)
        with archive.open("more", "w", force_zip64=True) as file:
            file.write(DATA)
    return pipe.data


ZIPS = {
    "sizes behind the data": Crafted(
        b"data", DATA, DEFLATED, SIZES_BEHIND, local=UNKNOWN, behind=struct.pack("<3L", CRC, PACKED, len(DATA))
    ),
    "sizes behind the data, with a mark": Crafted(
        b"data",
        DATA,
        DEFLATED,
        SIZES_BEHIND,
        local=UNKNOWN,
        behind=b"PK\x07\x08" + struct.pack("<3L", CRC, PACKED, 300),
    ),
    "sizes behind the data, in 64 bits": Crafted(
        b"data", DATA, DEFLATED, SIZES_BEHIND, local=UNKNOWN, behind=struct.pack("<L2Q", CRC, PACKED, len(DATA))
    ),
    "sizes behind the data, in 64 bits and with a mark": Crafted(
        b"data",
        DATA,
        DEFLATED,
        SIZES_BEHIND,
        local=UNKNOWN,
        behind=b"PK\x07\x08" + struct.pack("<L2Q", CRC, PACKED, 300),
    ),
    "sizes in front of the data although they were to come behind it": Crafted(b"data", DATA, DEFLATED, SIZES_BEHIND),
    "sizes in 64 bits": Crafted(
        b"data",
        DATA,
        DEFLATED,
        local={"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF, "extra": IN_64},
        central={"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF, "extra": IN_64},
    ),
    "an extra field that only one of the headers has": Crafted(
        b"data", DATA, local={"extra": extra(0x5455, b"\x01abcd")}
    ),
    "zeros in the place of an extra field": Crafted(b"data", DATA, central={"extra": bytes(3)}),
    "the setting of the compressor in one of the headers": Crafted(b"data", DATA, DEFLATED, local={"flags": 0x2}),
}


@pytest.mark.parametrize("file", ZIPS.values(), ids=ZIPS.keys())
def test_a_zip_is_read_with(tmp_path, file):
    assert unpacked(tmp_path, crafted_zip(file, RELEASE)) == {"data": DATA, "release.sh": SCRIPT}


def test_a_zip_with_an_end_in_64_bits_is_read(tmp_path):
    assert unpacked(tmp_path, crafted_zip64(RELEASE)) == {"release.sh": SCRIPT}


def test_a_zip_with_a_comment_is_read(tmp_path):
    assert unpacked(tmp_path, crafted_zip(RELEASE, comment=b"built by CI" * 5000)) == {"release.sh": SCRIPT}


def test_a_zip_that_was_written_to_a_pipe_is_read(tmp_path):
    assert unpacked(tmp_path, written_by_zipfile_to_a_pipe()) == {"data": DATA, "more": DATA}


def test_empty_files_and_directories_of_a_zip_may_be_called_deflated(tmp_path):
    nothing = Crafted(b"nothing", b"", DEFLATED, packed=b"")
    directory = Crafted(b"directory/", b"", DEFLATED, mode=0o040755)

    files = unpacked(tmp_path, crafted_zip(nothing, directory, RELEASE))

    assert files == {"nothing": b"", "release.sh": SCRIPT}
    assert (tmp_path / "run/directory").is_dir()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (Crafted("päckage".encode(), flags=UTF8), "päckage"),
        (Crafted("päckage".encode()), "päckage"),
        (Crafted(b"p\x84ckage"), "päckage"),
        (Crafted(b"p\xe4ckage", central={"extra": name_in_utf8(b"p\xe4ckage", "päckage")}), "päckage"),
        (Crafted(b"p\x84ckage", central={"extra": name_in_utf8(b"another", "evil")}), "päckage"),
        (Crafted(b"data", central={"extra": name_in_utf8(b"data", "data")}), "data"),
    ],
    ids=["said to be UTF-8", "UTF-8", "code page of DOS", "again in UTF-8", "again for another name", "the same again"],
)
def test_the_name_in_a_zip_is_read_in(tmp_path, file, name):
    assert list(unpacked(tmp_path, crafted_zip(file))) == [name]


# -- tar --------------------------------------------------------------------------------------------------------------

TARS = {
    "a size in base 256": [tar_block(b"data", DATA, size=base_256(300), magic=GNU)],
    "a size with spaces": [tar_block(b"data", DATA, size=b"        454 ")],
    "a name in UTF-8 that is said to be in none": [
        pax([("hdrcharset", "BINARY"), ("path", "data")]),
        tar_block(b"x", DATA),
    ],
    "the same name from GNU and pax": [long_name(b"data"), pax([("path", "data")]), tar_block(b"dat", DATA)],
    "the size again in pax": [pax([("size", "300")]), tar_block(b"data", DATA)],
    "times and owners in pax": [
        pax([("mtime", "1.5"), ("uname", "é"), ("SCHILY.xattr.user.x", b"\xff")]),
        tar_block(b"data", DATA),
    ],
    "a comment for all": [pax([("comment", "0123abcd")], b"g"), tar_block(b"data", DATA)],
    "times where others have the beginning of a name": [tar_block(b"data", DATA, magic=GNU, prefix=b"14710000000\0")],
    "the kind of old programs": [tar_block(b"data", DATA, b"\0", magic=bytes(8))],
    "a contiguous file": [tar_block(b"data", DATA, b"7")],
    "a link of GNU that belongs to a file": [
        tar_block(b"L", b"/etc/passwd\0", b"K", magic=GNU),
        tar_block(b"data", DATA),
    ],
}


@pytest.mark.parametrize("blocks", TARS.values(), ids=TARS.keys())
def test_a_tar_is_read_with(tmp_path, blocks):
    assert unpacked(tmp_path, b"".join(blocks) + END) == {"data": DATA}


def test_a_checksum_over_signed_bytes_is_one(tmp_path):
    block = bytearray(tar_block("é".encode(), b"x"))
    block[148:156] = b"%06o\0 " % (int(block[148:154], 8) - 2 * 256)

    assert unpacked(tmp_path, bytes(block) + END) == {"é": b"x"}


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(tar_block(b"data", DATA)[:700]) + gzip.compress(tar_block(b"data", DATA)[700:] + END),
        bz2.compress(tar_block(b"data", DATA)[:700]) + bz2.compress(tar_block(b"data", DATA)[700:] + END),
        gzip.compress(tar_block(b"data", DATA) + END) + bytes(300_000),
        gzip.compress(tar_block(b"data", DATA) + END + bytes(500_000)),
        tar_block(b"data", DATA) + END + bytes(500_000),
    ],
    ids=["gzip in pieces", "bzip2 in pieces", "gzip filled up with zeros", "tar.gz filled up", "tar filled up"],
)
def test_pieces_and_filling_are_no_harm(tmp_path, data):
    assert unpacked(tmp_path, data) == {"data": DATA}


NOISE = random.Random(1).randbytes(400_000)


@pytest.mark.parametrize(
    "data",
    [
        a_tar({"noise": NOISE}),
        a_tar({"noise": NOISE}, "gz"),
        a_tar({"noise": NOISE}, "bz2"),
        crafted_zip(Crafted(b"noise", NOISE)),
        crafted_zip(Crafted(b"noise", NOISE, DEFLATED)),
        crafted_zip(Crafted(b"noise", NOISE, DEFLATED, packed=stored_blocks(NOISE))),
    ],
    ids=["tar", "tar.gz", "tar.bz2", "stored", "deflated", "deflated without compression"],
)
def test_what_is_larger_than_one_piece_of_reading_stays_unchanged(tmp_path, data):
    assert unpacked(tmp_path, data) == {"noise": NOISE}


@pytest.mark.parametrize("form", ["v7", "ustar", "pax", "gnu"])
def test_what_tar_of_this_machine_writes_is_read(tmp_path, form):
    long = "/".join(["directory-number-one"] * 3) + "/päckage"
    (tmp_path / "in" / long).parent.mkdir(parents=True)
    (tmp_path / "in" / long).write_bytes(DATA)
    packed = subprocess.run(
        ["tar", "-C", tmp_path / "in", "-cz", f"--format={form}", "."], check=True, capture_output=True
    )

    assert unpacked(tmp_path, packed.stdout) == {long: DATA}


# -- names and modes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "aux.txt",
        "nul",
        "ab:c",
        "ends with a dot.",
        "ends with a space ",
        ".hidden",
        "..two",
        "-rf",
        "$(id)",
        "日本語",
        "نام\u200cخانوادگی",
        "👩\u200d💻",
    ],
)
def test_what_linux_can_name_is_accepted_although_windows_cannot(tmp_path, name):
    assert unpacked(tmp_path, a_tar({name: b"x"})) == {name: b"x"}


def test_a_file_that_nobody_may_read_becomes_readable_and_one_that_runs_as_root_does_not(tmp_path):
    path = saved(
        tmp_path, tar_block(b"closed", b"x", mode=b"0000000") + tar_block(b"root", b"x", mode=b"0006777") + END
    )

    unpack(path, tmp_path / "run", LIMITS)

    assert (tmp_path / "run/closed").stat().st_mode & 0o7777 == 0o644
    assert (tmp_path / "run/root").stat().st_mode & 0o7777 == 0o755


def test_the_files_of_a_plain_tar_are_not_read_to_inspect_it(tmp_path):
    with (tmp_path / "package").open("wb") as file:
        file.write(tar_block(b"huge", size=base_256(2**34), magic=GNU))
        file.seek(2**34, os.SEEK_CUR)
        file.write(tar_block(b"release.sh", SCRIPT) + END)

    inspection = inspect(tmp_path / "package", Limits(unpacked_bytes=2**41, members=2, ratio=200))

    assert inspection.unpacked_bytes == 2**34 + len(SCRIPT)
    assert inspection.entry_point == "release.sh"


def test_tarfile_and_we_find_the_same(tmp_path):
    with tarfile.open(tmp_path / "package", "w:gz") as archive:
        archive.add(SOURCES, "registry", filter=lambda info: None if "__pycache__" in info.name else info)

    with tarfile.open(tmp_path / "package") as archive:
        expected = {info.name: archive.extractfile(info).read() for info in archive if info.isfile()}

    assert unpacked(tmp_path, (tmp_path / "package").read_bytes()) == expected
