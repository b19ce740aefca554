"""Archives of which every byte can lie: what zipfile and tarfile refuse to write."""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

STORED, DEFLATED = 0, 8
SIZES_BEHIND, UTF8 = 0x8, 0x800


def deflated(data: bytes) -> bytes:
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packing.compress(data) + packing.flush()


@dataclass
class Crafted:
    """A file in a zip. `local` and `central` say what only one of its two headers claims."""

    name: bytes
    data: bytes = b"x"
    method: int = STORED
    flags: int = 0
    mode: int = 0o100644
    attributes: int = 0
    packed: bytes | None = None
    behind: bytes = b""
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)

    def claims(self, lies: dict[str, Any]) -> dict[str, Any]:
        packed = self.bytes()
        truth = {"name": self.name, "flags": self.flags, "method": self.method, "extra": b""}
        sizes = {"crc": zlib.crc32(self.data), "packed": len(packed), "size": len(self.data)}
        return truth | sizes | lies

    def bytes(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflated(self.data) if self.method == DEFLATED else self.data

    def in_front(self) -> bytes:
        said = self.claims(self.local)
        sizes = (said["crc"], said["packed"], said["size"], len(said["name"]), len(said["extra"]))
        head = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, said["flags"], said["method"], 0, 0x21, *sizes)
        return head + said["name"] + said["extra"]

    def in_contents(self, offset: int) -> bytes:
        said = {"offset": offset, "needs": 20} | self.claims(self.central)
        sizes = (said["crc"], said["packed"], said["size"], len(said["name"]), len(said["extra"]))
        attributes = self.mode << 16 | self.attributes
        front = struct.pack(
            "<4s6H3L2H", b"PK\x01\x02", 0x314, said["needs"], said["flags"], said["method"], 0, 0x21, *sizes
        )
        return front + struct.pack("<3H2L", 0, 0, 0, attributes, said["offset"]) + said["name"] + said["extra"]


def crafted_zip(*files: Crafted, comment: bytes = b"", front: bytes = b"", back: bytes = b"", **end: int) -> bytes:
    """`front` and `back` lie before and behind the files; `end` replaces fields of the archive's end."""
    body, table = front, b""
    for file in files:
        table += file.in_contents(len(body))
        body += file.in_front() + file.bytes() + file.behind
    body += back
    said = {"count": len(files), "size": len(table), "offset": len(body), "disk": 0} | end
    numbers = (said["disk"], said["disk"], said["count"], said["count"], said["size"], said["offset"], len(comment))
    return body + table + struct.pack("<4s4H2LH", b"PK\x05\x06", *numbers) + comment


def crafted_zip64(*files: Crafted, short: dict[str, int] | None = None, **end: int) -> bytes:
    """With an end in 64 bits. `short` replaces fields of the end in 32 bits, `end` those of the long one."""
    plain = crafted_zip(*files)
    fields = struct.unpack("<4s4H2LH", plain[-22:])
    said = {"count": fields[3], "size": fields[5], "offset": fields[6]} | end
    long = struct.pack("<4sQ2H2L", b"PK\x06\x06", 44, 45, 45, 0, 0)
    long += struct.pack("<4Q", said["count"], said["count"], said["size"], said["offset"])
    where = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(plain) - 22, 1)
    told = {"count": 0xFFFF, "size": 0xFFFFFFFF, "offset": 0xFFFFFFFF} | (short or {})
    numbers = (0, 0, told["count"], told["count"], told["size"], told["offset"], 0)
    return plain[:-22] + long + where + struct.pack("<4s4H2LH", b"PK\x05\x06", *numbers)


def extra(identifier: int, data: bytes) -> bytes:
    return struct.pack("<2H", identifier, len(data)) + data


def name_in_utf8(for_name: bytes, name: str) -> bytes:
    """Info-ZIP's extra field with the same name again."""
    return extra(0x7075, b"\1" + struct.pack("<L", zlib.crc32(for_name)) + name.encode())


# -- tar --------------------------------------------------------------------------------------------------------------

END = bytes(1024)
GNU = b"ustar  \0"


def tar_block(
    name: bytes,
    data: bytes = b"",
    kind: bytes = b"0",
    *,
    size: bytes | None = None,
    mode: bytes = b"0000644",
    link: bytes = b"",
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
) -> bytes:
    """A header, and its data filled up to whole blocks; `size` is the field as it stands in the header."""
    stated = b"%011o\0" % len(data) if size is None else size
    parts = [name.ljust(100, b"\0"), mode.ljust(8, b"\0"), bytes(16), stated.ljust(12, b"\0"), b"0" * 11 + b"\0"]
    front, back = b"".join(parts), kind + link.ljust(100, b"\0") + magic + bytes(80) + prefix.ljust(167, b"\0")
    checksum = sum(front + back) + 8 * 32
    return front + b"%06o\0 " % checksum + back + filled_up(data)


def filled_up(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def pax(records: list[tuple[str, str | bytes]], kind: bytes = b"x") -> bytes:
    """A pax header that tells about the next member, or with kind g about all that follow."""
    return tar_block(b"PaxHeaders/x", b"".join(pax_record(key, value) for key, value in records), kind)


def pax_record(key: str, value: str | bytes) -> bytes:
    record = b" " + key.encode() + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
    length = len(record) + 1
    while len(b"%d" % length) + len(record) != length:
        length += 1
    return b"%d" % length + record


def long_name(name: bytes) -> bytes:
    return tar_block(b"././@LongLink", name + b"\0", b"L", magic=GNU)


def base_256(number: int) -> bytes:
    """A size field as GNU writes it for numbers that octal digits cannot hold."""
    return b"\x80" + number.to_bytes(11, "big") if number >= 0 else number.to_bytes(12, "big", signed=True)
