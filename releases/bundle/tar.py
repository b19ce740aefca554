"""A tar (POSIX.1-2017 pax) made while it is sent: its size is known before, and nothing is kept in memory. Pure."""

import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

_BLOCK, _RECORD = tarfile.BLOCKSIZE, tarfile.RECORDSIZE


@dataclass(frozen=True)
class Member:
    """One file: where it lies, how many bytes it has, and what gives them."""

    path: str
    size: int
    chunks: Callable[[], Iterable[bytes]]
    is_executable: bool = False


class WrongSize(Exception):
    """A member gave more or fewer bytes than announced, so that the archive had to be broken off."""


def size_of(members: Sequence[Member], made_at: int) -> int:
    """How many bytes `stream` gives."""
    content = sum(len(_header(member, made_at)) + member.size + -member.size % _BLOCK for member in members)
    return content + _end(content)


def stream(members: Sequence[Member], made_at: int) -> Iterator[bytes]:
    """The archive, piece by piece. made_at: seconds since 1970, for every member. Raises WrongSize, and whatever a
    member's chunks raise; what was given until then is no whole archive."""
    given = 0
    for member in members:
        header = _header(member, made_at)
        yield header
        yield from _content(member)
        padding = -member.size % _BLOCK
        yield bytes(padding)
        given += len(header) + member.size + padding
    yield bytes(_end(given))


def _header(member: Member, made_at: int) -> bytes:
    info = tarfile.TarInfo(member.path)
    info.size, info.mtime, info.mode = member.size, made_at, 0o755 if member.is_executable else 0o644
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _content(member: Member) -> Iterator[bytes]:
    left = member.size
    for chunk in member.chunks():
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        raise WrongSize(f"{member.path} has not the {member.size} bytes that were announced")


def _end(content: int) -> int:
    """Two empty blocks, and then as much as fills the last record."""
    return 2 * _BLOCK + -(content + 2 * _BLOCK) % _RECORD
