"""What a version is and which of two is higher. Pure: no database, no settings.

SemVer 2.0.0 (semver.org), widened to 1–4 numeric parts as NuGet and Octopus allow: `1.0 == 1.0.0 == 1.0.0.0`.
"""

import re
from dataclasses import dataclass, field

from registry.refusals import RegistryRefused

MAX_LENGTH = 200
"""Characters of a version as it was stated."""
NORMALISED_MAX_LENGTH = MAX_LENGTH + len(".0.0")
SORT_KEY_MAX_LENGTH = 600
"""Enough for any version of MAX_LENGTH characters: 2.5 characters of key for each at most, and 16 for the zeros."""

_SHAPE = re.compile(
    r"[vV]?(?P<numbers>[0-9]+(?:\.[0-9]+)*)"
    r"(?:-(?P<prerelease>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_MOST_NUMBERS = 4

# The key compares as plain text. It consists of 0–9 and a–f only, which every database collation orders alike.
_END, _NUMERIC, _ALPHANUMERIC, _RELEASE = "0", "1", "2", "f"
_END_OF_TEXT = "00"  # lower than any character an identifier may hold


class VersionRefused(RegistryRefused):
    code = "version-refused"


@dataclass(frozen=True, order=True)
class Version:
    """A version. Compares, equals and hashes by precedence alone; what was written is kept in `original`."""

    sort_key: str
    original: str = field(compare=False)
    normalised: str = field(compare=False)
    is_prerelease: bool = field(compare=False)

    def __str__(self) -> str:
        return self.normalised


def parse(text: str) -> Version:
    """Read a version such as `1.4.17`, `v2.0-rc.1` or `1.2.3.4+build.7`.

    `normalised` has three numbers, or four where the fourth is not zero, no leading zeros and no build metadata.
    Raises VersionRefused.
    """
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    if len(text) > MAX_LENGTH:
        raise VersionRefused(f"The version “{shown}” is longer than {MAX_LENGTH} characters. State a shorter one.")
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise VersionRefused(
            f"“{shown}” is not a version. State 1 to 4 numbers separated by dots and, where needed, a pre-release,"
            " for example 1.4.17 or 2.0.0-rc.1."
        )
    numbers = [_without_leading_zeros(number) for number in match["numbers"].split(".")]
    if len(numbers) > _MOST_NUMBERS:
        raise VersionRefused(
            f"The version “{shown}” has {len(numbers)} numbers. State at most {_MOST_NUMBERS}, for example 1.4.17."
        )
    identifiers = match["prerelease"].split(".") if match["prerelease"] else []
    for identifier in identifiers:
        if identifier.isdigit() and identifier != _without_leading_zeros(identifier):
            raise VersionRefused(
                f"The pre-release of “{shown}” holds the number {identifier} with a leading zero, which SemVer 2 does"
                f" not allow. State {_without_leading_zeros(identifier)} instead."
            )
    numbers += ["0"] * (_MOST_NUMBERS - len(numbers))
    return Version(
        sort_key=_sort_key(numbers, identifiers),
        original=text,
        normalised=_normalised(numbers, identifiers),
        is_prerelease=bool(identifiers),
    )


def looks_like_a_version(text: str) -> bool:
    """Whether a person would take `text` for a version, even one that `parse` refuses (five numbers, say)."""
    return _SHAPE.fullmatch(text) is not None


def _without_leading_zeros(number: str) -> str:
    return number.lstrip("0") or "0"


def _normalised(numbers: list[str], identifiers: list[str]) -> str:
    shown = numbers[:3] if numbers[3] == "0" else numbers
    return ".".join(shown) + ("-" + ".".join(identifiers) if identifiers else "")


def _sort_key(numbers: list[str], identifiers: list[str]) -> str:
    """Text whose plain order is the order of versions: no part of it is the beginning of another one's counterpart."""
    core = "".join(_number_key(number) for number in numbers)
    if not identifiers:
        return core + _RELEASE
    return core + "".join(_identifier_key(identifier) for identifier in identifiers) + _END


def _number_key(number: str) -> str:
    """Its length first, so that 10 comes after 9 whatever the size."""
    return f"{len(number):02x}{number}"


def _identifier_key(identifier: str) -> str:
    if identifier.isdigit():
        return _NUMERIC + _number_key(identifier)
    return _ALPHANUMERIC + identifier.encode("ascii").hex() + _END_OF_TEXT
