"""What the manifests inside releases name: the components that a desired-state package brings, by what people call them."""

from collections.abc import Iterable
from dataclasses import dataclass

from registry.sources import labels_for
from releases.comparison import Named
from releases.models import ReleasePackage

Key = tuple[int, str]  # a package's id, and a component as its manifest writes it


@dataclass(frozen=True)
class Entry:
    """One line of a manifest."""

    key: Key
    package: str  # the name of the package that holds the manifest
    component: str
    label: str
    version: str


def entries_of(releases: Iterable[int]) -> dict[int, list[Entry]]:
    """The entries of these releases (ids) that hold packages, in order of their labels; a stack's holds none itself.

    A release without a manifest is left out. Three queries at most, however many releases there are.
    """
    held = ReleasePackage.objects.filter(release__in=set(releases)).exclude(version__contents={})
    rows = list(held.order_by("pk").values_list("release", "package", "package__name", "version__contents"))
    labels = labels_for(package for _, package, _, _ in rows)
    found: dict[int, list[Entry]] = {}
    for release, package, name, contents in rows:
        found.setdefault(release, []).extend(
            Entry((package, component), name, component, labels.of(package, component), str(version))
            for component, version in contents.items()
        )
    return {release: sorted(entries, key=in_order) for release, entries in found.items()}


def named(entries: Iterable[Entry]) -> dict[Named, str]:
    """Component → version, as a comparison takes them."""
    return {Named(entry.component, entry.label, entry.package): entry.version for entry in entries}


def in_order(entry: Entry) -> tuple[str, str, Key]:
    """By label, as people look it up; what the database made of a manifest's own order cannot be relied on."""
    return entry.label.casefold(), entry.component, entry.key
