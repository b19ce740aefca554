"""What the members of an archive may be called, alone and beside each other. Pure."""

import re
import unicodedata

from registry.archives.members import Limits, PackageRefused, shown, too_many_members


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
        for depth in range(1, len(parts)):
            self._lay("/".join(parts[:depth]), is_directory=True)
        if parts:
            self._lay("/".join(parts), is_directory=is_directory)
        if len(self._seen) > self._limits.members:
            raise too_many_members(self._limits)
        return parts

    def _lay(self, path: str, *, is_directory: bool) -> None:
        key = unicodedata.normalize("NFC", path).casefold()
        if key not in self._seen:
            self._seen[key] = (path, is_directory)
            return
        there, there_is_directory = self._seen[key]
        if there != path:
            raise PackageRefused(
                f"The archive holds {shown(there)} and {shown(path)}, which are one name where upper and lower case do"
                " not count. Rename one of them."
            )
        if is_directory and there_is_directory:
            return
        if is_directory or there_is_directory:
            raise PackageRefused(
                f"The archive holds {shown(path)} both as a file and as a directory. Build it with only one of them."
            )
        raise PackageRefused(f"The archive holds {shown(path)} twice. Build it again with each file once.")


def _parts(name: str, *, is_directory: bool, limits: Limits) -> tuple[str, ...]:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise PackageRefused(
            f"The archive holds a file name with control characters or not in UTF-8: {shown(name)}. Rename it."
        )
    if "\\" in name:
        raise PackageRefused(
            f"The archive holds {shown(name)}: a backslash is not allowed in a file name. Use / instead."
        )
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise PackageRefused(
            f"The archive holds the absolute path {shown(name)}. Build it with paths relative to the package."
        )
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise PackageRefused(
            f"The archive holds {shown(name)}, which would be written outside its directory. Build it without “..”."
        )
    if not parts and not is_directory:
        raise PackageRefused("The archive holds a file without a name. Build it again.")
    too_long = len(name.encode()) > limits.path_bytes or any(len(part.encode()) > limits.name_bytes for part in parts)
    if too_long or len(parts) > limits.depth:
        raise PackageRefused(
            f"The archive holds a path that is too long or too deep: {shown(name)}. At most {limits.path_bytes} bytes,"
            f" {limits.name_bytes} for one name, and {limits.depth} levels."
        )
    return parts
