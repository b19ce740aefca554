"""Which bytes a request asks for (RFC 9110 §14). Pure: header values in, positions out.

One range is answered with that part. Several are answered with everything, which the RFC allows: nobody fetches packages
in several parts at once, and answering them multiplies what a small request costs. So is whatever is not understood.
"""

import re
from dataclasses import dataclass

UNIT = "bytes"
_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
_LONGEST = 18  # digits; a position beyond is beyond every file


class NotSatisfiable(Exception):
    """The header is in order, and nothing of what it asks for is there."""


@dataclass(frozen=True)
class Span:
    """So many bytes from `start` on."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """The header of an answer with this part of `size` bytes."""
        return f"{UNIT} {self.start}-{self.start + self.length - 1}/{size}"


def unsatisfied(size: int) -> str:
    """The header of an answer that says that nothing of what was asked for is there (§14.4)."""
    return f"{UNIT} */{size}"


def span_of(header: str | None, size: int) -> Span | None:
    """The part of `size` bytes that a Range header asks for; None: everything is to be answered.

    Raises NotSatisfiable where the header is valid and all of it lies beyond the end.
    """
    if header is None:
        return None
    unit, equals, specifiers = header.partition("=")
    if not equals or unit.strip().lower() != UNIT:
        return None
    wanted = [part.strip(" \t") for part in specifiers.split(",")]
    found = [_positions(part, size) for part in wanted if part]  # empty elements of a list do not count (§5.6.1)
    if not found or any(positions is None for positions in found):
        return None
    spans = [Span(first, last - first + 1) for first, last in filter(None, found) if first <= last]
    if not spans:
        raise NotSatisfiable
    return spans[0] if len(found) == 1 else None


def is_current(if_range: str | None, etag: str) -> bool:
    """Whether a range may be answered in parts: no If-Range was sent, or it names what there is (§13.1.5).

    Compared strongly, so that a weak tag never fits; nor does a date, because nothing here has one.
    """
    return if_range is None or if_range.strip() == etag


def _positions(specifier: str, size: int) -> tuple[int, int] | None:
    """The first and the last position, which are the wrong way round where nothing of it is there; None: not valid."""
    match = _RANGE.fullmatch(specifier)
    if match is None:
        return None
    first, last = (_number(text) if text else None for text in match.groups())
    if first is None:
        if last is None:
            return None
        return max(size - last, 0), size - 1 if last else -1
    if last is not None and last < first:
        return None
    return first, size - 1 if last is None else min(last, size - 1)


def _number(digits: str) -> int:
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _LONGEST else 10**_LONGEST
