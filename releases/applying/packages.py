"""What things are made of: feeds, packages, what people call them, how their manifests are read, and what is kept."""

from collections.abc import Iterable, Sequence
from typing import Any

from accounts.configuring import CONCEALED, titled
from lifecycles.rules import Problem
from registry import outside
from registry.models import Feed, ManifestSource, Package
from registry.rules import why_not_feed, why_not_package_name, why_not_source
from releases import blueprint as shapes
from releases.applying.work import Work, readable
from releases.blueprint import Blueprint
from releases.models import RetentionRule


def feeds(work: Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.feeds):
        place = f"feeds[{index}]"
        if not work.once(place, Feed, shape.slug):
            continue
        row = Feed.objects.filter(slug=shape.slug).first() or Feed(slug=shape.slug, kind=shape.kind)
        changed = "secret" in shape.model_fields_set and readable(row) != shape.secret

        def why_not(row: Feed = row, shape: shapes.FeedShape = shape) -> Iterable[Problem]:
            return (Problem(*wrong) for wrong in why_not_feed(row, shape.kind))

        new = row._state.adding
        if changed:
            row.set_secret(shape.secret)
        values = shape.said("name", "url", "username", "enabled", "poll_seconds")
        if work.bring(place, row, values, why_not=why_not, named=shape.slug) and changed:
            row.save(update_fields=["secret"])
            if not new:
                work.note(row, f"{titled(row)}: password or token: {CONCEALED}")


def packages(work: Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.packages):
        place = f"packages[{index}]"
        feed = work.find(f"{place}.feed", Feed, "slug", shape.feed) if shape.feed else Feed.builtin()
        if feed is None or not work.once(place, Package, feed.pk, shape.name.lower()):
            continue
        if sentence := why_not_package_name(feed, shape.name):
            work.refuse(f"{place}.name", sentence)
            continue
        package = package_at(work, feed, shape.name)
        manifest = shape.manifest.said("file", "form") if shape.manifest else {}
        values = shape.said("label", "prereleases") | {f"manifest_{name}": value for name, value in manifest.items()}
        if work.bring(place, package, values) and "sources" in shape.model_fields_set:
            _sources(work, f"{place}.sources", package, shape.sources)


def _sources(work: Work, place: str, package: Package, wanted: list[shapes.SourceShape]) -> None:
    stored = {row.components: row for row in package.manifest_sources.select_related("feed", "package")}
    for index, shape in enumerate(wanted):
        here = f"{place}[{index}]"
        feed = work.find(f"{here}.feed", Feed, "slug", shape.feed)
        if feed is None or not work.once(here, ManifestSource, package.pk, shape.components):
            continue
        row = stored.pop(shape.components, None) or ManifestSource(package=package, components=shape.components)

        def why_not(row: ManifestSource = row) -> Iterable[Problem]:
            return (Problem(*wrong) for wrong in why_not_source(row.feed, row.name))

        work.bring(here, row, shape.said("name") | {"feed": feed, "position": index}, why_not=why_not)
    kept = {shape.components for shape in wanted}
    for row in stored.values():
        if row.components not in kept:
            row.delete()
            work.note(package, f"{titled(row)}: deleted")


def retention(work: Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.retention):
        place = f"retention[{index}]"
        package = Package.objects.named(shape.package).first() if shape.package is not None else None
        if shape.package is not None and package is None:
            sentence = f"There is no package “{shape.package}”, neither in this file nor stored. Check its spelling."
            work.refuse(f"{place}.package", sentence)
        elif work.once(place, RetentionRule, package and package.pk):
            row = RetentionRule.objects.filter(package=package).first() or RetentionRule(package=package)
            work.bring(place, row, shape.said("keep_days", "keep_newest", "enabled"))


def split(work: Work, place: str, reference: str) -> tuple[Any, str]:
    """The feed and the name there: “patient-ui” lies in the built-in one, “exchange/com.example:api” in another. The feed
    is None where there is none of this name, which has been said then."""
    feed, slash, name = reference.partition("/")
    return (work.find(place, Feed, "slug", feed), name) if slash else (Feed.builtin(), reference)


def reference(package: Package) -> str:
    return package.name if package.feed.is_builtin else f"{package.feed.slug}/{package.name}"


def package_at(work: Work, feed: Feed, name: str) -> Package:
    """The package of this name in that feed; created where nobody has pushed it, or looked it up, yet."""
    there = Package.objects.filter(feed=feed).called(name).select_related("feed").first()
    if there is not None:
        return there
    package = Package.objects.create(feed=feed, name=name) if feed.is_builtin else outside.watch(feed, name)
    work.note(package, f"{titled(package)}: created")
    return package


def named_packages(work: Work, place: str, references: Sequence[str]) -> list[Package]:
    """The packages that a trigger names, which are there already."""
    found = []
    for index, reference in enumerate(references):
        feed, name = split(work, f"{place}[{index}]", reference)
        package = Package.objects.filter(feed=feed).called(name).first() if feed else None
        if package is not None:
            found.append(package)
        elif feed is not None:
            sentence = f"There is no package “{reference}”, neither in this file nor stored. Check its spelling."
            work.refuse(f"{place}[{index}]", sentence)
    return found
