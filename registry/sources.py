"""Where the components that a package's manifest names lie, and what people call them.

A manifest knows a component by a short name; a package's manifest sources say in which outside store it lies, and under
which name. The first source that fits counts, in the order of their positions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from registry.models import ManifestSource, Package

COMPONENT = "{component}"


@dataclass(frozen=True)
class Labels:
    """What people call the components of some packages' manifests; asked without a query."""

    sources: Mapping[int, list[ManifestSource]]  # by package id
    called: Mapping[tuple[int, str], str]  # by feed id and folded name

    def of(self, package: int, component: str) -> str:
        """The label of the outside package that this component of the package (its id) is, or else its own name."""
        place = where_is(component, self.sources.get(package, ()))
        return self.called.get((place[0], place[1].lower()), component) if place else component


def where_is(component: str, sources: Iterable[ManifestSource]) -> tuple[int, str] | None:
    """The feed (its id) that a component of a manifest lies in, and its name there; None where no source fits.

    component  as the manifest writes it; upper and lower case do not count where a pattern is compared
    sources    those of the package that holds the manifest, in any order
    """
    for source in sorted(sources, key=lambda source: source.position):
        if fnmatchcase(component.lower(), source.components.lower()):
            return source.feed_id, source.name.replace(COMPONENT, component)
    return None


def labels_for(packages: Iterable[int]) -> Labels:
    """The names of whatever the manifests of these packages (ids) hold. Two queries; none for no packages."""
    sources: dict[int, list[ManifestSource]] = {}
    for source in ManifestSource.objects.filter(package__in=set(packages)).order_by("position", "pk"):
        sources.setdefault(source.package_id, []).append(source)
    feeds = {source.feed_id for held in sources.values() for source in held}
    labelled = Package.objects.filter(feed__in=feeds).exclude(label="").values_list("feed", "name", "label")
    return Labels(sources, {(feed, name.lower()): label for feed, name, label in labelled.order_by()})
