"""What is worth knowing about the members of a package while they pass by. Pure."""

from collections.abc import Iterator

from registry import cdaf, manifests
from registry.archives.members import Member
from registry.manifests import ManifestPlace

ENTRY_POINT = "release.sh"
_Parts = tuple[str, ...]


class Findings:
    """Told of each member with `see`, and with `keep` of the bytes of those few that `see` asks for."""

    def __init__(self, manifest: ManifestPlace) -> None:
        self.members = 0
        self.unpacked_bytes = 0
        self._stated = manifest.parts
        self._directories: set[str] = set()  # at the top level; two are enough to know that there is not only one
        self._there: set[_Parts] = set()
        self._kept: dict[_Parts, bytes] = {}
        self._targets: dict[_Parts, set[str]] = {(): set()}  # by the directory that they are below
        self._marks: set[str] = set()
        names: list[_Parts] = [(name,) for name in manifests.USUAL_NAMES]
        names += [(cdaf.MANIFEST,), (cdaf.DIRECTORY, cdaf.MANIFEST), *([self._stated] if self._stated else [])]
        self._most_bytes = dict.fromkeys(names, manifests.MAX_BYTES) | {(ENTRY_POINT,): cdaf.MOST_SCRIPT}

    def see(self, parts: _Parts, member: Member) -> bool:
        """Remember this member; True where its bytes are wanted too."""
        self.members += 1
        self.unpacked_bytes += member.size
        if (member.is_directory or len(parts) > 1) and len(self._directories) < 2:
            self._directories.add(parts[0])
        if member.is_directory:
            return False
        self._note(parts)
        name = self._name(parts)
        if name is None:
            return False
        self._there.add(parts)
        return member.size <= self._most_bytes[name]

    def keep(self, parts: _Parts, data: bytes) -> None:
        self._kept[parts] = data

    def entry_point(self) -> str | None:
        """The path of the script to run."""
        return next(("/".join(place) for place in self._places((ENTRY_POINT,))), None)

    def script(self) -> bytes | None:
        """The script to run itself, unless it is too large for one that CDAF built."""
        return next((self._kept.get(place) for place in self._places((ENTRY_POINT,))), None)

    def targets(self) -> set[str]:
        """The environments and the like that there are properties for."""
        return self._targets[()].union(*(self._targets.get((directory,), ()) for directory in self._only_directory()))

    def about(self) -> dict[str, str]:
        """What CDAF's own manifest says."""
        for name in ((cdaf.DIRECTORY, cdaf.MANIFEST), (cdaf.MANIFEST,)):
            for place, data in self._held(name):
                if cdaf.is_its_own(place, data):
                    return cdaf.about(data)
        return {}

    def usual_manifest(self) -> bytes | None:
        """The file that has one of the usual names of a manifest."""
        held = (found for name in manifests.USUAL_NAMES for found in self._held((name,)))
        return next((data for place, data in held if not cdaf.is_its_own(place, data)), None)

    def stated_manifest(self) -> tuple[str, bytes | None] | None:
        """The path and the bytes of the manifest that an administrator stated; no bytes where there are too many."""
        return next((("/".join(place), self._kept.get(place)) for place in self._places(self._stated)), None)

    def mark(self) -> str | None:
        """The kind of zip that its files are typical of."""
        return next((kind for kind in ("nupkg", "ear", "war", "jar") if kind in self._marks), None)

    def _note(self, parts: _Parts) -> None:
        if target := cdaf.target(parts):
            self._targets[()].add(target)
        elif len(parts) > 2 and (target := cdaf.target(parts[1:])):
            self._targets.setdefault(parts[:1], set()).add(target)
        if parts[0] == "META-INF":
            self._marks |= {kind for name, kind in _IN_META_INF.items() if parts[1:] == (name,)}
        elif parts[0] == "WEB-INF":
            self._marks.add("war")
        elif len(parts) == 1 and parts[0].endswith(".nuspec"):
            self._marks.add("nupkg")

    def _name(self, parts: _Parts) -> _Parts | None:
        """The wanted name that this path stands for: at the top, or below what may be the only directory there."""
        if parts in self._most_bytes:
            return parts
        return parts[1:] if parts[1:] in self._most_bytes and self._directories == {parts[0]} else None

    def _only_directory(self) -> set[str]:
        return self._directories if len(self._directories) == 1 else set()

    def _places(self, name: _Parts) -> Iterator[_Parts]:
        """Where a file of this name is and counts: at the top, or else in the only directory there."""
        places = [name, *((directory, *name) for directory in self._only_directory())]
        return (place for place in places if place in self._there)

    def _held(self, name: _Parts) -> Iterator[tuple[_Parts, bytes]]:
        return ((place, self._kept[place]) for place in self._places(name) if place in self._kept)


_IN_META_INF = {"MANIFEST.MF": "jar", "application.xml": "ear"}
