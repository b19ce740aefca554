"""What changes inside the components of a plan: what the manifests name that come, against those that they replace.

It is read whenever a plan is shown and no part of what is approved: a plan names releases, and what these hold never changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from deployments.plans import SKIP, PlanItem
from releases.comparison import Difference, Kind, Named, between_manifests
from releases.contents import entries_of, named
from releases.models import Release


@dataclass(frozen=True)
class PlanLine:
    """One item of a plan, and the components of its manifest; none where it is skipped, or has no manifest."""

    item: Mapping[str, Any]
    contents: list[Difference[Named]] = field(default_factory=list)

    @property
    def stage(self) -> int:
        return int(self.item["stage"])

    @property
    def is_first(self) -> bool:
        """Whether nothing of the component is there yet, so that everything in it is new."""
        return not self.item["from_number"]

    @property
    def changed(self) -> list[Difference[Named]]:
        return [line for line in self.contents if line.kind is not Kind.SAME]

    @property
    def unchanged(self) -> list[Difference[Named]]:
        return [line for line in self.contents if line.kind is Kind.SAME]


def lines_of(plan: Iterable[PlanItem | Mapping[str, Any]]) -> list[PlanLine]:
    """The items of a plan, as made or as frozen with a deployment, in their order. Four queries at most."""
    items = [asdict(item) if isinstance(item, PlanItem) else item for item in plan]
    deployed = [item for item in items if item["action"] != SKIP]
    replaced = _replaced(deployed)
    entries = entries_of([*(item["release_id"] for item in deployed), *replaced.values()])

    def line(item: Mapping[str, Any]) -> PlanLine:
        if item["action"] == SKIP:
            return PlanLine(item)
        before = entries.get(replaced.get((item["component_id"], item["from_number"]), 0), [])
        return PlanLine(item, between_manifests(named(before), named(entries.get(item["release_id"], []))))

    return [line(item) for item in items]


def _replaced(items: Iterable[Mapping[str, Any]]) -> dict[tuple[int, str], int]:
    """The releases (ids) that these items replace, by project and number."""
    wanted = {(item["component_id"], item["from_number"]) for item in items if item["from_number"]}
    found = Release.objects.filter(
        project__in={project for project, _ in wanted}, number__in={number for _, number in wanted}
    )
    return {(project, number): pk for pk, project, number in found.values_list("pk", "project", "number")}
