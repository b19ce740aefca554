"""Which package and version a push is about: as stated, or as its file name says. Pure.

A file name is read as `NAME.VERSION.EXT`, as Octopus reads it. Where a second reading is possible nothing is guessed:
`patient-ui-1.4.17.tar.gz` would become version 4.17 of `patient-ui-1`.

The extension only ends the version; which format a package has is seen from what it holds. Of those that Octopus lists
two are missing: `.tar.Z`, which nothing here can unpack, and `.rar`, under which nearly everybody would push something
other than a resource adapter of Java. Such an adapter is a zip, and is taken where name and version are stated.
"""

import re

from registry import versions
from registry.refusals import RegistryRefused

EXTENSIONS = (
    *(".tar.gz", ".tgz", ".tar.bz2", ".tar.bz", ".tbz2", ".tbz", ".tar"),
    *(".zip", ".nupkg", ".jar", ".war", ".ear"),
    ".sh",
)
NAME_MAX_LENGTH = 100
FILENAME_MAX_LENGTH = 255

_NAME = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*")
_SEPARATORS = "._-"
_HOW = (
    "State both: ?name=…&version=… in the address, or the form fields name and version"
    " (name the file NAME.VERSION.EXT to leave them out)."
)


class NameRefused(RegistryRefused):
    code = "name-refused"


class IdentityRefused(RegistryRefused):
    """The file name does not say, or does not say clearly, which package and version it is."""

    code = "identity-unclear"


def package_name(text: str) -> str:
    """The name itself, if a package may be called so. Raises NameRefused."""
    if len(text) > NAME_MAX_LENGTH:
        raise NameRefused(f"The package name “{text[:60]}…” is longer than {NAME_MAX_LENGTH} characters.")
    if not _NAME.fullmatch(text):
        raise NameRefused(
            f"“{text}” cannot be the name of a package. Use letters and digits of ASCII, joined by single dots, hyphens"
            " or underscores, for example patient-ui."
        )
    return text


def bare(filename: str) -> str:
    """The last part of a path that a client sent as file name, printable and of bounded length."""
    last = re.split(r"[/\\]", filename)[-1]
    printable = "".join(character for character in last if character.isprintable())
    return printable[-FILENAME_MAX_LENGTH:]


def identity(filename: str, *, name: str = "", version: str = "") -> tuple[str, str]:
    """Name and version text: what was stated, and what is left open from the file name.

    Raises NameRefused, IdentityRefused. The version text is for `versions.parse` to judge.
    """
    if name and version:
        return package_name(name), version
    if name:
        return package_name(name), _what_remains(filename, name)
    if version:
        return _what_precedes(filename, version), version
    return identity_from(filename)


def identity_from(filename: str) -> tuple[str, str]:
    """Name and version text as `NAME.VERSION.EXT` says them. Raises IdentityRefused, NameRefused, VersionRefused."""
    stem = _stem(filename)
    readings = _readings(stem)
    if not readings or versions.looks_like_a_version(stem):
        raise IdentityRefused(f"The file name {bare(filename)} does not say both a name and a version. {_HOW}")
    separator, name, version = readings[0]
    if separator != "." or len(_numbers(version)) > 4 or _names_a_second_version(version, readings):
        raise _unclear(filename, readings)
    versions.parse(version)
    return package_name(name), version


def _stem(filename: str) -> str:
    last = bare(filename)
    for extension in EXTENSIONS:
        if last.lower().endswith(extension) and len(last) > len(extension):
            return last[: -len(extension)]
    raise IdentityRefused(
        f"The file name {last or '(none)'} ends in none of {', '.join(EXTENSIONS)}, so nothing is read from it. {_HOW}"
    )


def _readings(stem: str) -> list[tuple[str, str, str]]:
    """Every (separator, name, version) that the stem could mean, longest version first."""
    return [
        (stem[at], stem[:at], stem[at + 1 :])
        for at in range(1, len(stem))
        if stem[at] in _SEPARATORS and _NAME.fullmatch(stem[:at]) and versions.looks_like_a_version(stem[at + 1 :])
    ]


def _numbers(version: str) -> list[str]:
    return re.split(r"[-+]", version, maxsplit=1)[0].split(".")


def _names_a_second_version(version: str, readings: list[tuple[str, str, str]]) -> bool:
    """`1-2.3.4`: a pre-release of version 1, or the end of a name and then version 2.3.4? Nobody can tell."""
    _, hyphen, prerelease = version.partition("-")
    core = len(_numbers(version))
    within = [other for _, _, other in readings if hyphen and len(other) <= len(prerelease)]
    return any(len(_numbers(other)) >= max(2, core) for other in within)


def _unclear(filename: str, readings: list[tuple[str, str, str]]) -> IdentityRefused:
    possible = [f"version {version} of {name}" for _, name, version in readings if len(_numbers(version)) <= 4]
    choices = [*possible, "a package without a version"][:2]
    if _names_a_second_version(readings[0][2], readings):
        choices = [possible[0], possible[-1]]
    return IdentityRefused(f"The file name {bare(filename)} can be read as {' or as '.join(choices)}. {_HOW}")


def _what_remains(filename: str, name: str) -> str:
    stem = _stem(filename)
    separator, version = stem[len(name) : len(name) + 1], stem[len(name) + 1 :]
    is_named_so = stem.lower().startswith(name.lower()) and separator in tuple(_SEPARATORS)
    if is_named_so and versions.looks_like_a_version(version):
        return version
    raise IdentityRefused(f"The file name {bare(filename)} does not say which version of {name} this is. {_HOW}")


def _what_precedes(filename: str, version: str) -> str:
    stem = _stem(filename)
    name = stem[: -len(version) - 1]
    if stem.endswith(version) and name and stem[len(name)] in _SEPARATORS:
        return package_name(name)
    raise IdentityRefused(f"The file name {bare(filename)} does not say which package version {version} is of. {_HOW}")
