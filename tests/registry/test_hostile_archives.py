"""Every way in which an archive could do harm: refused with its own sentence, and nothing is left behind."""

import bz2
import gzip
import random
import struct
import tarfile
import zipfile

import pytest

from registry.inspection import Limits, PackageRefused, inspect, unpack
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
from tests.registry.packages import SCRIPT, a_tar, a_tar_of, a_zip, a_zip_of, saved, tar_entry, zip_entry

LIMITS = Limits(unpacked_bytes=3_000_000, members=50, ratio=100, ratio_from_bytes=100_000)
NOISE = random.Random(1).randbytes(300_000)
RELEASE = Crafted(b"release.sh", SCRIPT)
SENTENCES = {
    "outside": "outside its directory",
    "absolute": "absolute path",
    "unseen": "control characters, invisible ones or not in UTF-8",
    "one name": "which are one name",
    "both": "both as a file and as a directory",
    "damaged": "damaged or cut off",
    "contradiction": "says one thing about",
    "special": "special file",
    "sparse": "sparse file “disk.img”",
    "ratio": "more than 100 times its size",
    "too large": "more than 3,000,000 bytes",
    "too many": "more than 50 files",
    "long": "too long or too deep",
    "unknown": "no package that Signalbox knows",
    "goes on": "goes on after its end",
}


def a_zip_with(name: str | bytes, mode: int = 0, data: bytes = b"x", **claims: object) -> bytes:
    raw = name if isinstance(name, bytes) else name.encode()
    return crafted_zip(RELEASE, Crafted(raw, data, flags=0 if raw.isascii() else UTF8, mode=mode, **claims))


def a_tar_with(name: str | bytes, kind: bytes = b"0", link: bytes = b"", data: bytes = b"") -> bytes:
    raw = name if isinstance(name, bytes) else name.encode()
    return tar_block(b"release.sh", SCRIPT) + tar_block(raw, data, kind, link=link) + END


def a_tar_of_blocks(*blocks: bytes) -> bytes:
    return b"".join(blocks) + END


def in_many_pieces(data: bytes, pieces: int) -> bytes:
    """Compressed with gzip, after so many pieces of nothing."""
    return gzip.compress(b"") * pieces + gzip.compress(data)


# -- names ------------------------------------------------------------------------------------------------------------

BAD_NAMES = {
    "parent directory": ("../evil", "outside"),
    "parent directory in the middle": ("a/../../evil", "outside"),
    "parent directory that stays inside": ("a/../evil", "outside"),
    "parent directory at the end": ("a/..", "outside"),
    "parent directory with a space, as Windows reads it": ("a/.. /evil", "outside"),
    "more dots than two": ("a/.../evil", "outside"),
    "a name of a space": ("a/ /evil", "outside"),
    "absolute": ("/etc/evil", "absolute"),
    "absolute after the start": ("//etc/evil", "absolute"),
    "drive letter": ("C:evil", "absolute"),
    "drive letter and slash": ("c:/evil", "absolute"),
    "drive letter further down": ("a/C:/evil", "absolute"),
    "drive letter after a dot": ("./C:/evil", "absolute"),
    "network share": ("//server/share/evil", "absolute"),
    "network share with backslashes": ("\\\\server\\share\\evil", "a backslash"),
    "backslash": ("..\\evil", "a backslash"),
    "backslash after a slash": ("a/..\\evil", "a backslash"),
    "line break": ("a\nb", "unseen"),
    "escape sequence": ("a\x1b[2Jb", "unseen"),
    "delete": ("a\x7f", "unseen"),
    "second set of controls": ("a\x9b2J", "unseen"),
    "right to left": ("gpj.\u202ehs.release", "unseen"),
    "isolated direction": ("a\u2066b", "unseen"),
    "zero width": ("release\u200b.sh", "unseen"),
    "mark of byte order": ("\ufeffrelease.txt", "unseen"),
    "soft hyphen": ("re\u00adlease.txt", "unseen"),
    "separator of lines": ("a\u2028b", "unseen"),
    "no name": (".", "without a name"),
    "a file that ends like a directory": ("release/.", "both"),
    "one name too long": ("n" * 256, "long"),
    "one name too long in bytes": ("ü" * 128, "long"),
    "path too long": ("/".join(["n" * 200] * 6), "long"),
    "too deep": ("/".join(["d"] * 33), "long"),
}
NAMES = {
    f"zip: {what}": (crafted_zip(Crafted(name.encode(), flags=UTF8)), sentence)
    for what, (name, sentence) in BAD_NAMES.items()
} | {
    f"tar: {what}": (a_tar_of_blocks(pax([("path", name)]), tar_block(b"short", b"x")), sentence)
    for what, (name, sentence) in BAD_NAMES.items()
}

RAW_NAMES = {
    "zip: NUL in a name": (a_zip_with(b"release.sh\x00.txt"), "unseen"),
    "zip: name not in UTF-8": (crafted_zip(Crafted(b"caf\xe9", flags=UTF8)), "unseen"),
    "zip: control characters in the code page of DOS": (crafted_zip(Crafted(b"\xe9\x07")), "unseen"),
    "tar: name not in UTF-8": (a_tar_of_blocks(tar_block(b"caf\xe9", b"x")), "unseen"),
    "tar: name not in UTF-8, and said not to be": (
        a_tar_of_blocks(pax([("hdrcharset", "BINARY"), ("path", b"caf\xe9")]), tar_block(b"x", b"x")),
        "unseen",
    ),
    "tar: NUL in a name": (a_tar_of_blocks(pax([("path", b"a\x00b")]), tar_block(b"x", b"x")), "unseen"),
    "tar: parent directory by the prefix of ustar": (
        a_tar_of_blocks(tar_block(b"evil", b"x", prefix=b"..")),
        "outside",
    ),
    "tar: parent directory by a long name of GNU": (
        a_tar_of_blocks(long_name(b"a/" * 60 + b"../" * 61 + b"evil"), tar_block(b"x", b"x")),
        "outside",
    ),
    "tar: parent directory as a directory": (a_tar_with("a/../..", b"5"), "outside"),
}

NAMES_BESIDE_EACH_OTHER = {
    "zip: twice": (a_zip_of((zip_entry("a"), b"1"), (zip_entry("a"), b"2")), "“a” twice"),
    "zip: twice, written differently": (a_zip_of((zip_entry("a/b"), b"1"), (zip_entry("a//./b"), b"2")), "“a/b” twice"),
    "tar: twice": (a_tar_of((tar_entry("a"), b"1"), (tar_entry("./a"), b"2")), "“a” twice"),
    "zip: case": (a_zip({"Release.sh": b"1", "release.sh": b"2"}), "one name"),
    "tar: case of a directory": (a_tar({"Dist/a": b"1", "dist/b": b"2"}), "one name"),
    "tar: case beyond ASCII": (a_tar({"STRASSE": b"1", "straße": b"2"}), "one name"),
    "tar: composed and decomposed": (a_tar({"caf\u00e9": b"1", "cafe\u0301": b"2"}), "one name"),
    "zip: dot at the end": (a_zip({"release.sh": b"1", "release.sh.": b"2"}), "one name"),
    "zip: space at the end of a directory": (a_zip({"dist/a": b"1", "dist /b": b"2"}), "one name"),
    "zip: file under file": (a_zip({"a": b"1", "a/b": b"2"}), "both"),
    "tar: file over directory": (a_tar({"a/b": b"1", "a": b"2"}), "both"),
    "tar: directory over file": (a_tar_of((tar_entry("a"), b"1"), (tar_entry("a", tarfile.DIRTYPE), b"")), "both"),
    "zip: directory with data": (a_zip_with("d/"), "both"),
    "zip: file said to be a directory": (a_zip_with("d", 0o040755), "both"),
    "zip: file said to be a directory by DOS": (a_zip_with("d", attributes=0x10), "both"),
    "tar: directory with data": (a_tar_with("d", b"5", data=b"x"), "both"),
    "tar: file with the name of a directory": (a_tar_with("d/", b"0", data=b"x"), "both"),
    "tar: old directory with data": (a_tar_with("d/", b"\0", data=b"x"), "both"),
}

# -- links, devices, holes --------------------------------------------------------------------------------------------

KINDS = {
    "zip: symbolic link": (a_zip_with("link", 0o120777, b"/etc/passwd"), "symbolic link “link”"),
    "zip: directory as symbolic link, then a file through it": (
        crafted_zip(Crafted(b"d", b"/etc", mode=0o120777), Crafted(b"d/evil")),
        "symbolic link “d”",
    ),
    "zip: device": (a_zip_with("null", 0o020666), "special"),
    "zip: disk": (a_zip_with("disk", 0o060666), "special"),
    "zip: pipe": (a_zip_with("pipe", 0o010666), "special"),
    "zip: socket": (a_zip_with("socket", 0o140777), "special"),
    "tar: symbolic link": (a_tar_with("link", b"2", b"/etc/passwd"), "symbolic link “link”"),
    "tar: symbolic link inside": (a_tar_with("link", b"2", b"release.sh"), "symbolic link “link”"),
    "tar: symbolic link by pax": (
        a_tar_of_blocks(pax([("path", "link"), ("linkpath", "/etc/passwd")]), tar_block(b"x", kind=b"2")),
        "symbolic link “link”",
    ),
    "tar: directory as symbolic link, then a file through it": (
        a_tar_of_blocks(tar_block(b"d", kind=b"2", link=b"/etc"), tar_block(b"d/evil", b"x")),
        "symbolic link “d”",
    ),
    "tar: symbolic link with a long target": (
        a_tar_of_blocks(tar_block(b"L", b"/etc/passwd\0", b"K", magic=GNU), tar_block(b"link", kind=b"2", magic=GNU)),
        "symbolic link “link”",
    ),
    "tar: hard link": (a_tar_with("link", b"1", b"release.sh"), "hard link “link”"),
    "tar: hard link with data": (a_tar_with("link", b"1", b"/etc/passwd", data=b"x"), "hard link “link”"),
    "tar: character device": (a_tar_with("null", b"3"), "special"),
    "tar: block device": (a_tar_with("disk", b"4"), "special"),
    "tar: pipe": (a_tar_with("pipe", b"6"), "special"),
    "tar: label of a volume": (a_tar_with("volume", b"V"), "special"),
    "tar: part of a file of another volume": (a_tar_with("part", b"M"), "special"),
    "tar: list of a directory": (a_tar_with("list", b"D", data=b"Ya\0\0"), "special"),
    "tar: header of Solaris": (a_tar_with("x", b"X"), "special"),
    "tar: unknown kind": (a_tar_with("x", b"?"), "special"),
    "tar: sparse, old form of GNU": (a_tar_with("disk.img", b"S"), "sparse"),
    "tar: sparse 0.0": (
        a_tar_of_blocks(
            pax([("GNU.sparse.size", "9"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.offset", "0")]),
            tar_block(b"disk.img", b"x"),
        ),
        "sparse",
    ),
    "tar: sparse 0.1": (
        a_tar_of_blocks(
            pax([("GNU.sparse.name", "disk.img"), ("GNU.sparse.map", "0,1")]), tar_block(b"disk.img", b"x")
        ),
        "sparse",
    ),
    "tar: sparse 1.0": (
        a_tar_of_blocks(
            pax([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "9999999")]),
            tar_block(b"disk.img", b"0\n"),
        ),
        "sparse",
    ),
    "tar: sparse, form of star": (
        a_tar_of_blocks(pax([("SCHILY.realsize", "9999999")]), tar_block(b"disk.img", b"x")),
        "sparse",
    ),
}

# -- zips that say one thing here and another there --------------------------------------------------------------------

TWO = (Crafted(b"same-name", NOISE), Crafted(b"same-mane", b"y"))
QUOTED = Crafted(b"inner", b"z" * 200).in_front() + b"z" * 200
ZIP_LIES = {
    "zip: another name inside": (crafted_zip(Crafted(b"release.sh", local={"name": b"elease.shr"})), "contradiction"),
    "zip: another size inside": (crafted_zip(Crafted(b"a", local={"size": 2})), "contradiction"),
    "zip: another packed size inside": (
        crafted_zip(Crafted(b"a", method=DEFLATED, local={"packed": 2})),
        "contradiction",
    ),
    "zip: another checksum inside": (crafted_zip(Crafted(b"a", local={"crc": 2})), "contradiction"),
    "zip: another method inside": (crafted_zip(Crafted(b"a", local={"method": DEFLATED})), "contradiction"),
    "zip: encrypted inside only": (crafted_zip(Crafted(b"a", local={"flags": 1})), "contradiction"),
    "zip: another character set inside": (
        crafted_zip(Crafted("é".encode(), flags=UTF8, local={"flags": 0})),
        "contradiction",
    ),
    "zip: another name in UTF-8": (
        crafted_zip(Crafted(b"readme", central={"extra": name_in_utf8(b"readme", "release.sh")})),
        "contradiction",
    ),
    "zip: evil name in UTF-8": (
        crafted_zip(Crafted(b"\xe9", central={"extra": name_in_utf8(b"\xe9", "../evil")})),
        "outside",
    ),
    "zip: sizes behind the data that are others": (
        crafted_zip(Crafted(b"a", flags=SIZES_BEHIND, local={"size": 0, "packed": 0, "crc": 0}, behind=bytes(16))),
        "contradiction",
    ),
    "zip: sizes behind the data that are missing": (
        crafted_zip(Crafted(b"a", flags=SIZES_BEHIND, local={"size": 0, "packed": 0, "crc": 0})),
        "contradiction",
    ),
    "zip: claims less than it holds": (
        crafted_zip(Crafted(b"a", b"x" * 100, DEFLATED, local={"size": 10}, central={"size": 10})),
        "damaged",
    ),
    "zip: claims more than it holds": (
        crafted_zip(Crafted(b"a", b"x" * 100, DEFLATED, local={"size": 200}, central={"size": 200})),
        "damaged",
    ),
    "zip: claims far too much": (
        crafted_zip(Crafted(b"a", b"x", DEFLATED, central={"size": 4_000_000_000})),
        "too large",
    ),
    "zip: stored, with two sizes": (
        crafted_zip(Crafted(b"a", b"xy", local={"size": 1}, central={"size": 1})),
        "damaged",
    ),
    "zip: wrong checksum": (crafted_zip(Crafted(b"a", local={"crc": 1}, central={"crc": 1})), "damaged"),
    "zip: wrong checksum, deflated": (
        crafted_zip(Crafted(b"a", method=DEFLATED, local={"crc": 1}, central={"crc": 1})),
        "damaged",
    ),
    "zip: rubbish behind the deflated data": (
        crafted_zip(Crafted(b"a", method=DEFLATED, packed=deflated(b"x") + b"rubbish")),
        "damaged",
    ),
    "zip: deflated data without an end": (
        crafted_zip(Crafted(b"a", b"x" * 50, DEFLATED, packed=deflated(b"x" * 50)[:-1])),
        "damaged",
    ),
    "zip: deflated data that is none": (crafted_zip(Crafted(b"a", method=DEFLATED, packed=b"\xff" * 9)), "damaged"),
    "zip: patched data": (crafted_zip(Crafted(b"a", flags=0x20)), "damaged"),
    "zip: encrypted": (crafted_zip(Crafted(b"a", flags=0x1)), "is encrypted"),
    "zip: strongly encrypted": (crafted_zip(Crafted(b"a", flags=0x41)), "is encrypted"),
    "zip: encrypted headers": (crafted_zip(Crafted(b"a", flags=0x2000)), "is encrypted"),
    "zip: LZMA": (a_zip({"a": b"x"}, zipfile.ZIP_LZMA), "other than deflate"),
    "zip: deflate64": (crafted_zip(Crafted(b"a", method=9)), "other than deflate"),
    "zip: Zstandard": (crafted_zip(Crafted(b"a", method=93)), "other than deflate"),
    "zip: newer than all that is known": (crafted_zip(Crafted(b"a", central={"needs": 64})), "other than deflate"),
    "zip: no known method": (crafted_zip(Crafted(b"a", method=0xFFFF)), "other than deflate"),
    "zip: begins beyond the end": (
        crafted_zip(RELEASE, Crafted(b"a", central={"offset": 4_000_000}), back=b"-" * 99),
        "does not name",
    ),
    "zip: begins elsewhere": (crafted_zip(RELEASE, Crafted(b"a", central={"offset": 75})), "does not name"),
    "zip: overlapping completely": (
        crafted_zip(TWO[0], Crafted(b"same-mane", NOISE, central={"offset": 0})),
        "overlap each other",
    ),
    "zip: overlapping by quoting the next header": (
        crafted_zip(
            Crafted(b"outer", QUOTED), Crafted(b"inner", b"z" * 200, packed=b"", central={"offset": 35, "packed": 200})
        ),
        "overlap each other",
    ),
    "zip: overlapping the table of contents": (
        crafted_zip(Crafted(b"a", b"PK\x01\x02", packed=b"", central={"packed": 4}, local={"packed": 4})),
        "overlap each other",
    ),
    "zip: a file in front that the table does not name": (
        crafted_zip(RELEASE, front=Crafted(b"evil").in_front() + b"x"),
        "does not name",
    ),
    "zip: a file behind the others that the table does not name": (
        crafted_zip(RELEASE, back=Crafted(b"evil").in_front() + b"x"),
        "does not name",
    ),
    "zip: two archives one after the other": (crafted_zip(RELEASE) + crafted_zip(Crafted(b"evil")), "damaged"),
    "zip: a second archive as comment": (
        crafted_zip(RELEASE, comment=crafted_zip(Crafted(b"evil"))),
        "one thing about “its own end”",
    ),
    "zip: followed by rubbish": (crafted_zip(RELEASE) + b"rubbish", "damaged"),
    "zip: fewer entries than it says": (crafted_zip(RELEASE, count=2), "damaged"),
    "zip: more entries than it says": (crafted_zip(RELEASE, Crafted(b"a"), count=1), "damaged"),
    "zip: table of contents somewhere else": (crafted_zip(RELEASE, offset=0), "damaged"),
    "zip: part of several": (crafted_zip(RELEASE, disk=1), "one part of several"),
    "zip: two ends that do not agree": (crafted_zip64(RELEASE, short={"count": 2}), "one thing about “its own end”"),
    "zip: end in 64 bits that is far away": (crafted_zip64(RELEASE, offset=2**63 + 1), "damaged"),
    "zip: end in 64 bits with far too many": (crafted_zip64(RELEASE, count=2**40), "too many"),
    "zip: broken extra field": (crafted_zip(Crafted(b"a", central={"extra": b"\x01\x00\xff\x00x"})), "damaged"),
    "zip: size in 64 bits that is a lie": (
        crafted_zip(
            Crafted(b"a", method=DEFLATED, central={"size": 0xFFFFFFFF, "extra": extra(1, struct.pack("<Q", 2**40))})
        ),
        "too large",
    ),
    "zip: size in 64 bits that is missing": (
        crafted_zip(Crafted(b"a", method=DEFLATED, central={"size": 0xFFFFFFFF})),
        "too large",
    ),
    "zip: cut off": (a_zip({"a": NOISE})[:-100], "damaged"),
    "zip: only the beginning": (a_zip({"a": NOISE})[:1000], "damaged"),
    "zip: without files": (a_zip({}), "holds no files"),
    "zip: script in front of a zip": (SCRIPT + crafted_zip(RELEASE), "a shell script and a zip at once"),
}

# -- tars that say one thing here and another there --------------------------------------------------------------------

HIDDEN_TAR = a_tar({"release.sh": SCRIPT})
TAR_LIES = {
    "tar: size by pax that differs": (
        a_tar_of_blocks(pax([("size", str(len(HIDDEN_TAR)))]), tar_block(b"a", HIDDEN_TAR, size=b"0" * 11 + b"\0")),
        "contradiction",
    ),
    "tar: smaller size by pax": (
        a_tar_of_blocks(pax([("size", "0")]), tar_block(b"a", b"x" * 600)),
        "contradiction",
    ),
    "tar: size by pax that is no number": (
        a_tar_of_blocks(pax([("size", "1_0")]), tar_block(b"a", b"x" * 10)),
        "damaged",
    ),
    "tar: size by pax below nothing": (
        a_tar_of_blocks(pax([("size", "-512")]), tar_block(b"a", b"x" * 512)),
        "damaged",
    ),
    "tar: size by pax beyond all disks": (a_tar_of_blocks(pax([("size", "9" * 19)]), tar_block(b"a")), "damaged"),
    "tar: two names by pax": (
        a_tar_of_blocks(pax([("path", "a"), ("path", "release.sh")]), tar_block(b"x", b"x")),
        "contradiction",
    ),
    "tar: two names by GNU and pax": (
        a_tar_of_blocks(long_name(b"a"), pax([("path", "release.sh")]), tar_block(b"x", b"x")),
        "contradiction",
    ),
    "tar: long name of GNU that goes on behind its size": (
        a_tar_of_blocks(tar_block(b"x", b"release.sh.old", b"L", size=b"12", magic=GNU), tar_block(b"x", b"x")),
        "damaged",
    ),
    "tar: one name for all": (a_tar_of_blocks(pax([("path", "a")], b"g"), tar_block(b"x", b"x")), "for all its files"),
    "tar: one size for all": (a_tar_of_blocks(pax([("size", "1")], b"g"), tar_block(b"x", b"x")), "for all its files"),
    "tar: holes for all": (
        a_tar_of_blocks(pax([("GNU.sparse.major", "1")], b"g"), tar_block(b"x", b"x")),
        "for all its files",
    ),
    "tar: size below nothing": (a_tar_of_blocks(tar_block(b"a", size=base_256(-1))), "damaged"),
    "tar: size beyond all disks": (a_tar_of_blocks(tar_block(b"a", size=base_256(2**80))), "damaged"),
    "tar: size that is no number": (a_tar_of_blocks(tar_block(b"a", size=b"0o12".ljust(12, b"\0"))), "damaged"),
    "tar: mode that is no number": (a_tar_of_blocks(tar_block(b"a", b"x", mode=b"rwxrwxrw")), "damaged"),
    "tar: broken pax header": (
        a_tar_of_blocks(tar_block(b"x", b"99 path=a\n", b"x"), tar_block(b"a", b"x")),
        "damaged",
    ),
    "tar: pax header of no length": (
        a_tar_of_blocks(tar_block(b"x", b"0 =\n", b"x"), tar_block(b"a", b"x")),
        "damaged",
    ),
    "tar: pax header of a length below nothing": (
        a_tar_of_blocks(tar_block(b"x", b"-9 path=a\n", b"x"), tar_block(b"a", b"x")),
        "damaged",
    ),
    "tar: header that belongs to nothing": (a_tar_of_blocks(tar_block(b"a", b"x"), pax([("path", "a")])), "damaged"),
    "tar: header for all others that are none": (
        a_tar_of_blocks(tar_block(b"a", b"x"), pax([("comment", "a")], b"g")),
        "damaged",
    ),
    "tar: damaged header in the middle": (
        a_tar_of_blocks(tar_block(b"one", b"1"), b"\xff" + tar_block(b"two", b"2")[1:]),
        "damaged",
    ),
    "tar: cut off in a file": (a_tar({"a": NOISE})[:1000], "damaged"),
    "tar: cut off between files": (a_tar({"a": b"x" * 512})[:1024], "damaged"),
    "tar: cut off in the padding": (a_tar({"a": b"x" * 100})[:900], "damaged"),
    "tar: cut off in a header": (a_tar({"a": b"x" * 512, "b": b"x"})[:1200], "damaged"),
    "tar: a second archive after the end": (a_tar({"a": b"x"}) + a_tar({"b": b"x"}), "goes on"),
    "tar: rubbish after the end": (a_tar({"a": b"x"}) + b"rubbish", "goes on"),
    "tar.gz: a second archive as a second piece": (a_tar({"a": b"x"}, "gz") + a_tar({"b": b"x"}, "gz"), "goes on"),
    "tar.bz2: a second archive as a second piece": (a_tar({"a": b"x"}, "bz2") + a_tar({"b": b"x"}, "bz2"), "goes on"),
    "tar.gz: cut off": (a_tar({"a": NOISE}, "gz")[:-9], "damaged"),
    "tar.gz: cut off in its checksum": (a_tar({"a": NOISE}, "gz")[:-1], "damaged"),
    "tar.gz: wrong checksum": (a_tar({"a": NOISE}, "gz")[:-8] + bytes(8), "damaged"),
    "tar.gz: followed by rubbish": (a_tar({"a": NOISE}, "gz") + b"rubbish", "damaged"),
    "tar.gz: followed by zeros and rubbish": (a_tar({"a": NOISE}, "gz") + bytes(70_000) + b"rubbish", "damaged"),
    "tar.bz2: cut off": (a_tar({"a": NOISE}, "bz2")[:-9], "damaged"),
    "tar.bz2: damaged": (a_tar({"a": NOISE}, "bz2")[:2000] + bytes(9000), "damaged"),
    "tar.bz2: followed by rubbish": (a_tar({"a": NOISE}, "bz2") + b"rubbish", "damaged"),
    "tar: without files": (a_tar_of((tar_entry("d", tarfile.DIRTYPE), b"")), "holds no files"),
}

# -- bombs ------------------------------------------------------------------------------------------------------------

MANY = {f"file-{number}": b"x" for number in range(51)}
BOMBS = {
    "zip: too many members": (a_zip(MANY), "too many"),
    "zip: far too large a table of contents": (
        crafted_zip(RELEASE, *[Crafted(b"%d" % n, central={"extra": bytes(65_000)}) for n in range(3)]),
        "too many",
    ),
    "tar: too many members": (a_tar(MANY), "too many"),
    "tar: too many directories by name alone": (
        a_tar({f"{'/'.join('abcdefghij')}/{n}/x": b"" for n in range(30)}),
        "too many",
    ),
    "tar: one directory again and again": (a_tar_of(*[(tar_entry("d", tarfile.DIRTYPE), b"")] * 51), "too many"),
    "tar: nothing but headers": (a_tar_of_blocks(*[pax([("comment", "x")])] * 300, tar_block(b"a", b"x")), "too many"),
    "zip: unpacks too large": (a_zip({str(n): NOISE for n in range(11)}), "too large"),
    "tar: unpacks too large": (a_tar({str(n): NOISE for n in range(11)}, "gz"), "too large"),
    "tar: one file too large": (a_tar({"a": bytes(3_000_001)}), "too large"),
    "zip: bomb": (a_zip({"a": bytes(2_000_000)}), "ratio"),
    "zip: bomb of several": (a_zip({str(n): bytes(90_000) for n in range(20)}), "ratio"),
    "tar.gz: bomb": (a_tar({"a": bytes(2_000_000)}, "gz"), "ratio"),
    "tar.bz2: bomb": (a_tar({"a": bytes(2_000_000)}, "bz2"), "ratio"),
    "tar.gz: bomb after the end": (gzip.compress(a_tar({"a": b"x"}) + bytes(2_900_000)), "ratio"),
    "tar.gz: bomb in pieces": (
        gzip.compress(tar_block(b"a", size=base_256(2_000_000))) + gzip.compress(bytes(200_000)) * 10,
        "ratio",
    ),
    "tar.gz: pieces of nothing": (in_many_pieces(a_tar({"a": b"x"}), 52), "too many compressed pieces"),
    "tar.gz: bomb in a pax header": (gzip.compress(tar_block(b"x", bytes(2_000_000), b"x")), "damaged"),
    "tar.gz: bomb in a long name": (gzip.compress(tar_block(b"x", b"n" * 2_000_000, b"L", magic=GNU)), "damaged"),
    "tar: long name of gigabytes": (tar_block(b"x", kind=b"L", size=base_256(2**40)), "damaged"),
}

OTHER = {
    "an empty file": (b"", "is empty"),
    "text": (b"hello world, this is no archive\n", "unknown"),
    "zeros": (bytes(4096), "unknown"),
    "a 7z archive": (b"7z\xbc\xaf\x27\x1c" + NOISE[:600], "unknown"),
    "a compressed file that is no tar": (gzip.compress(b"hello" * 200), "unknown"),
    "a bz2 file that is no tar": (bz2.compress(b"hello" * 200), "unknown"),
    "a tar.gz compressed twice": (gzip.compress(a_tar({"a": NOISE}, "gz")), "unknown"),
    "a zip in a gzip": (gzip.compress(a_zip({"a": NOISE})), "unknown"),
    "a tar.gz of zeros": (gzip.compress(bytes(10_240)), "unknown"),
}

HOSTILE = {
    what: (data, SENTENCES.get(sentence, sentence))
    for what, (data, sentence) in (
        NAMES | RAW_NAMES | NAMES_BESIDE_EACH_OTHER | KINDS | ZIP_LIES | TAR_LIES | BOMBS | OTHER
    ).items()
}

ONE_OF_EACH = dict({sentence: (what, (data, sentence)) for what, (data, sentence) in HOSTILE.items()}.values())
"""One for each sentence, for whoever wants to know only that refusals come through."""


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


def test_what_was_written_before_the_refusal_is_removed(tmp_path):
    path = saved(tmp_path, a_tar({"dist/a": NOISE, "release.sh": SCRIPT})[:-1024] + b"rubbish" * 100)

    with pytest.raises(PackageRefused):
        unpack(path, tmp_path / "run", LIMITS)

    assert list((tmp_path / "run").iterdir()) == []
