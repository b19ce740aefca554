"""What the members of an archive may be called, alone and beside each other. Pure.

Packages run on Linux, so what only Windows cannot name (`aux.txt`, a colon, a dot at the end) is allowed. Refused is what
leaves the directory on any system, what people would misread, and names that another system takes for the same one.
"""

import re
import unicodedata

from registry.archives.members import Limits, PackageRefused, file_and_directory, shown, too_many_members

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, direction and other invisible characters, halves, line ends
_JOINERS = "\u200c\u200d"  # invisible too, but part of how Persian and emoji are written
_DRIVE = re.compile(r"[A-Za-z]:")
_AT_THE_END = re.compile(r"[. ]+(?=/|$)")


class Paths:
    """The paths seen so far in one archive: refuses what cannot lie beside them in one directory."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._seen: dict[str, tuple[str, bool]] = {}

    def add(self, name: str, *, is_directory: bool) -> tuple[str, ...]:
        """The parts of a member's path below the directory it is unpacked to; empty for that directory itself.

        Raises PackageRefused where the name leaves that directory or clashes with one seen before.
        """
        parts = _parts(name, is_directory=is_directory, limits=self._limits)
        path = "/".join(parts)
        self._lay_above(path)
        if parts:
            self._lay(path, is_directory=is_directory)
        if len(self._seen) > self._limits.members:
            raise too_many_members(self._limits)
        return parts

    def _lay_above(self, path: str) -> None:
        """The directories that the path passes through, from the nearest up to one that is known."""
        at = path.rfind("/")
        while at > 0 and self._seen.get(_key(path[:at])) != (path[:at], True):
            self._lay(path[:at], is_directory=True)
            at = path.rfind("/", 0, at)

    def _lay(self, path: str, *, is_directory: bool) -> None:
        key = _key(path)
        if key not in self._seen:
            self._seen[key] = (path, is_directory)
            return
        there, there_is_directory = self._seen[key]
        if there != path:
            raise PackageRefused(
                f"The archive holds {shown(there)} and {shown(path)}, which are one name where upper and lower case, or"
                " dots and spaces at the end, do not count. Rename one of them."
            )
        if is_directory != there_is_directory:
            raise file_and_directory(path)
        if not is_directory:
            raise PackageRefused(f"The archive holds {shown(path)} twice. Build it again with each file once.")


def _key(path: str) -> str:
    """The same for all paths that some system takes for the same file."""
    folded = path.lower() if path.isascii() else _composed(_composed(path).casefold())
    return _AT_THE_END.sub("", folded) if "." in folded or " " in folded else folded


def _composed(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _parts(name: str, *, is_directory: bool, limits: Limits) -> tuple[str, ...]:
    _refuse_what_cannot_be_read(name)
    if "\\" in name:
        raise PackageRefused(
            f"The archive holds {shown(name)}: a backslash is not allowed in a file name. Use / instead."
        )
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or (":" in name and any(_DRIVE.match(part) for part in parts)):
        raise PackageRefused(
            f"The archive holds the absolute path {shown(name)}. Build it with paths relative to the package."
        )
    if any(not part.strip(". ") for part in parts):
        raise PackageRefused(
            f"The archive holds {shown(name)}, which would be written outside its directory. Build it without “..”."
        )
    if not parts and not is_directory:
        raise PackageRefused("The archive holds a file without a name. Build it again.")
    if not is_directory and name.endswith(("/", "/.")):
        raise file_and_directory(name)
    size = len(name.encode())
    has_long_name = size > limits.name_bytes and any(len(part.encode()) > limits.name_bytes for part in parts)
    if size > limits.path_bytes or has_long_name or len(parts) > limits.depth:
        raise PackageRefused(
            f"The archive holds a path that is too long or too deep: {shown(name)}. At most {limits.path_bytes} bytes,"
            f" {limits.name_bytes} for one name, and {limits.depth} levels."
        )
    return parts


def _refuse_what_cannot_be_read(name: str) -> None:
    if name.isprintable() or all(_is_seen(character) for character in name):
        return
    raise PackageRefused(
        f"The archive holds a file name with control characters, invisible ones or not in UTF-8: {shown(name)}."
        " Rename it."
    )


def _is_seen(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _UNSEEN
