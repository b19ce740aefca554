"""One member of an archive, how much there may be of them, and the sentences that refuse them. Pure."""

import errno
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from registry.refusals import RegistryRefused

CHUNK = 64 * 1024
NOT_A_PACKAGE = (
    "The file is no package that Signalbox knows. Push a zip, nupkg, jar, war, tar, tar.gz or tar.bz2 archive, or a"
    " shell script that begins with #!."
)
DAMAGED = "The archive is damaged or cut off and cannot be read to its end. Build and push it again."


class PackageRefused(RegistryRefused):
    """The bytes are no package that may be stored or unpacked."""

    code = "package-refused"


@dataclass(frozen=True)
class Limits:
    """How much a package may unpack to. Sizes in bytes."""

    unpacked_bytes: int
    members: int
    ratio: int
    """Unpacked size divided by packed size; looked at once more than `ratio_from_bytes` have been unpacked."""
    ratio_from_bytes: int = 1024 * 1024
    path_bytes: int = 1024
    name_bytes: int = 255
    depth: int = 32


@dataclass(frozen=True)
class Member:
    """One regular file or directory as its archive declares it. `read(n)` gives up to n more bytes, b"" at the end."""

    name: str
    is_directory: bool
    is_executable: bool
    size: int
    read: Callable[[int], bytes]


def shown(name: str) -> str:
    """A member's name as a sentence may hold it: printable and not endless."""
    printable = "".join(character if character.isprintable() else "�" for character in name)
    return f"“{printable}”" if len(printable) <= 80 else f"“{printable[:80]}…”"


class Meter:
    """Counts what was really unpacked, whatever the headers claim. Raises PackageRefused at the first byte too many."""

    def __init__(self, limits: Limits, *, packed_bytes: int, allowance: int = 0) -> None:
        self.unpacked_bytes = 0
        self._limits = limits
        self._packed_bytes = packed_bytes
        self._most = limits.unpacked_bytes + allowance

    def count(self, size: int) -> None:
        self.unpacked_bytes += size
        if self.unpacked_bytes > self._most:
            raise unpacks_too_large(self._limits)
        if self.unpacked_bytes > max(self._limits.ratio_from_bytes, self._limits.ratio * self._packed_bytes):
            raise PackageRefused(
                f"The archive unpacks to more than {self._limits.ratio} times its size, as archives made to fill a disk"
                " do. Build it without such files, or ask the administrator to raise PACKAGE_MAX_RATIO."
            )


def unpacks_too_large(limits: Limits) -> PackageRefused:
    return PackageRefused(
        f"The archive unpacks to more than {limits.unpacked_bytes:,} bytes. Make it smaller, or ask the administrator"
        " to raise PACKAGE_MAX_UNPACKED_BYTES."
    )


def too_many_members(limits: Limits) -> PackageRefused:
    return PackageRefused(
        f"The archive holds more than {limits.members:,} files and directories. Split it, or ask the administrator to"
        " raise PACKAGE_MAX_MEMBERS."
    )


def link(name: str, kind: str) -> PackageRefused:
    return PackageRefused(
        f"The archive holds the {kind} {shown(name)}. Links are not unpacked: put the file itself in its place."
    )


def special(name: str) -> PackageRefused:
    return PackageRefused(
        f"The archive holds {shown(name)}, a device, pipe or other special file. Build it of files and directories."
    )


@contextmanager
def damage_refused() -> Iterator[None]:
    """What the libraries say about broken input, as a refusal. An error of the disk itself stays what it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise
        raise PackageRefused(DAMAGED) from error
    except (
        EOFError,
        NotImplementedError,
        OverflowError,
        RuntimeError,
        ValueError,
        struct.error,
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise PackageRefused(DAMAGED) from error
