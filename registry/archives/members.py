"""One member of an archive, how much there may be of them, and the sentences that refuse them. Pure."""

import errno
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from registry.refusals import RegistryRefused

CHUNK = 128 * 1024  # bytes; larger pieces are slower, because each of them is a new mapping of memory
NOT_A_PACKAGE = (
    "The file is no package that Signalbox knows. Push a zip, nupkg, jar, war, ear, tar, tar.gz or tar.bz2 archive, or"
    " a shell script that begins with #!."
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


@dataclass(frozen=True, slots=True)
class Member:
    """One regular file or directory as its archive declares it.

    `chunks` gives its data, exactly `size` bytes, and refuses where there are more, fewer or other ones. Who does not
    want them asks for the next member instead: what has to be checked is checked all the same.
    """

    name: str
    is_directory: bool
    is_executable: bool
    size: int
    chunks: Iterator[bytes]


def shown(name: str) -> str:
    """A member's name as a sentence may hold it: printable and not endless."""
    printable = "".join(character if character.isprintable() else "�" for character in name)
    return f"“{printable}”" if len(printable) <= 80 else f"“{printable[:80]}…”"


class Meter:
    """Counts what is unpacked. Raises PackageRefused at the first byte too many."""

    def __init__(self, limits: Limits, *, packed_bytes: int, allowance: int = 0) -> None:
        self.unpacked_bytes = 0
        self._limits = limits
        self._most = limits.unpacked_bytes + allowance
        self._most_for_its_size = max(limits.ratio_from_bytes, limits.ratio * packed_bytes)

    def count(self, size: int) -> None:
        self.unpacked_bytes += size
        if self.unpacked_bytes > self._most:
            raise unpacks_too_large(self._limits)
        if self.unpacked_bytes > self._most_for_its_size:
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


def file_and_directory(name: str) -> PackageRefused:
    return PackageRefused(
        f"The archive holds {shown(name)} both as a file and as a directory. Build it with only one of them."
    )


def contradicts_itself(name: str) -> PackageRefused:
    """What other programs might unpack differently, so that people would not run what they looked at."""
    return PackageRefused(
        f"The archive says one thing about {shown(name)} in one place and another elsewhere, so that programs unpack it"
        " differently. Build it again."
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
    except (EOFError, OverflowError, ValueError, struct.error, zlib.error) as error:
        raise PackageRefused(DAMAGED) from error
