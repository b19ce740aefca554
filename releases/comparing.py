"""Two releases of one project side by side: what is different, and what was written and done between them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from config import encryption
from config.encryption import CannotDecrypt
from lifecycles.models import Environment
from projects.models import Project
from releases import changes, contents
from releases.comparison import EVERYWHERE, Comparison, Named, Part, Value, VariableName, Whole, compare
from releases.models import Release, ReleaseComponent, ReleasePackage

NOTES_SHOWN = 50


@dataclass(frozen=True)
class Compared:
    """Two releases of one project: `before` is what is compared with, whichever of them is the newer one."""

    before: Release
    after: Release
    comparison: Comparison
    notes: list[Release]  # releases with notes that lie between them, the newer one included; the project's own first
    work: changes.Changes  # what the higher one has and the lower one has not


def compared(before: Release, after: Release, *, technical: bool) -> Compared:
    """Everything about these two releases of one project, in a fixed number of queries.

    technical  whether process and variables are compared, too; otherwise nothing of them is read
    """
    lines = _lines([before, after])
    wholes = _wholes([before, after], lines, technical=technical)
    lower, higher = sorted((before, after), key=changes.rank)
    pairs = [(lower, higher), *_pairs(lines.get(lower.pk, []), lines.get(higher.pk, []))]
    return Compared(
        before, after, compare(wholes[before.pk], wholes[after.pk]), _notes(pairs), changes.between(lower, higher)
    )


# -- what they hold ---------------------------------------------------------------------------------------------------


def _lines(releases: Iterable[Release]) -> dict[int, list[ReleaseComponent]]:
    """The manifest of each release of a stack (by its id), in the order of deployment."""
    found: dict[int, list[ReleaseComponent]] = {}
    rows = ReleaseComponent.objects.filter(parent__in=[release.pk for release in releases])
    for line in rows.select_related("component", "release__project").order_by("stage", "component__position", "pk"):
        found.setdefault(line.parent_id, []).append(line)
    return found


def _wholes(
    releases: list[Release], lines: Mapping[int, list[ReleaseComponent]], *, technical: bool
) -> dict[int, Whole]:
    deployed = {line.release_id for held in lines.values() for line in held} | {release.pk for release in releases}
    packages: dict[int, dict[Named, str]] = {}
    rows = ReleasePackage.objects.filter(release__in=deployed).select_related("package", "version").order_by("pk")
    for row in rows:
        packages.setdefault(row.release_id, {})[Named(row.package.name, str(row.package))] = row.version.version
    entries = contents.entries_of(deployed)
    places = dict(Environment.objects.values_list("slug", "name")) if technical else {}

    def part(release: Release, place: dict[str, str]) -> Part:
        return Part(
            slug=release.project.slug,
            name=release.project.name,
            number=release.number,
            place=place,
            packages=packages.get(release.pk, {}),
            contents=contents.named(entries.get(release.pk, [])),
            **(_frozen(release.snapshot, places) if technical else {}),
        )

    return {
        release.pk: Whole(
            release.number,
            changes.rank(release),
            tuple(part(line.release, _place_of(line)) for line in lines.get(release.pk, []))
            if release.project.is_stack
            else (part(release, {}),),
        )
        for release in releases
    }


def _place_of(line: ReleaseComponent) -> dict[str, str]:
    return {"Stage": str(line.stage), "Deployed": str(Project.Condition(line.condition).label)}


def _frozen(snapshot: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    """Process, steps and variables of a snapshot as `Part` takes them. `places`: environments' names by slug."""
    process = snapshot.get("process") or {}
    return {
        "process": process.get("name", ""),
        "steps": {step["name"]: _digest(step) for step in process.get("steps", [])},
        "variables": {_variable_name(variable, places): _value(variable) for variable in snapshot.get("variables", [])},
    }


def _digest(step: Mapping[str, Any]) -> str:
    """What a step does, wherever it stands in the order."""
    return json.dumps({key: value for key, value in step.items() if key not in ("name", "position")}, sort_keys=True)


def _variable_name(variable: Mapping[str, Any], places: Mapping[str, str]) -> VariableName:
    slug = variable["environment"]
    return VariableName(variable["name"], variable["scope"], places.get(slug, slug) if slug else EVERYWHERE)


def _value(variable: Mapping[str, Any]) -> Value:
    """Encryption gives equal texts different looks, so that what is secret is told apart by its keyed digest."""
    if not variable["sensitive"]:
        return Value(variable["value"], variable["value"])
    try:
        return Value(encryption.fingerprint(encryption.decrypt(variable["value"])), None)
    except CannotDecrypt:
        return Value(variable["value"], None)


# -- what was written between them ------------------------------------------------------------------------------------


def _pairs(
    older: Iterable[ReleaseComponent], newer: Iterable[ReleaseComponent]
) -> list[tuple[Release | None, Release]]:
    """The releases of each component that the two sides name, where they differ: lower and higher; None: there is but one."""
    sides: dict[int, list[Release]] = {}
    for line in [*newer, *older]:
        sides.setdefault(line.component_id, []).append(line.release)
    pairs: list[tuple[Release | None, Release]] = []
    for releases in sides.values():
        *lower, higher = sorted({release.pk: release for release in releases}.values(), key=changes.rank)
        if lower or len(releases) == 1:
            pairs.append((lower[0] if lower else None, higher))
    return pairs


def _notes(pairs: list[tuple[Release | None, Release]]) -> list[Release]:
    """The releases with notes after the first up to the second of each pair; in the order of the pairs, newest first."""
    between = Q(pk=None)
    for lower, higher in pairs:
        between |= (
            Q(pk=higher.pk)
            if lower is None
            else changes.after(lower) & ~changes.after(higher) & Q(project=higher.project_id)
        )
    order = {higher.project_id: place for place, (_, higher) in enumerate(pairs)}
    found = list(Release.objects.filter(between).exclude(notes="").select_related("project").newest_first())
    return sorted(found, key=lambda release: order[release.project_id])[:NOTES_SHOWN]
