"""The facts that a request for a deployment is judged by and planned from, each in one look. Every push that leads to a
release asks for them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from config import compiled
from config.compiled import parameter
from deployments.models import BROKEN_OFF, DONE, WAITING, Deployment, LiveVersion, Status
from lifecycles.models import Environment, Phase, PhaseEnvironment
from lifecycles.progress import Section
from projects.models import ApprovalRule, Project
from registry.models import PackageVersion
from releases.models import Release, ReleaseComponent, ReleasePackage


def sections_for(project: int) -> list[Section]:
    """The phases that the releases of this project go through, in order."""
    phases: dict[int, dict[str, Any]] = {}
    for pk, name, optional, minimum, environment in compiled.rows(_phases, project=project):
        phase = phases.setdefault(
            pk, {"name": name, "optional": bool(optional), "minimum": minimum, "environments": ()}
        )
        if environment is not None:
            phase["environments"] += (environment,)
    return [Section(**phase) for phase in phases.values()]


def automatic_places(project: int) -> list[Environment]:
    """The environments of the first phase for which a new release of this project is requested by itself, in order."""
    return [place.environment for place in compiled.rows(_automatic_places, project=project)]


def succeeded_in(release: Release) -> set[int]:
    """The ids of the environments where this release has ever succeeded; being passed over as already there counts."""
    return {environment for (environment,) in compiled.rows(_done, release=release.pk)}


def held_by(release: Release) -> list[PackageVersion]:
    """The versions that this release, a component's or a stack's, is made of, with package and artifact."""
    return compiled.rows(_held, release=release.pk)


def rules_for(project: Project, environment: Environment) -> list[tuple[ApprovalRule, list[int], list[int]]]:
    """The approval rules that hold for this project there, by name; the ids of the groups and of the people whom each
    names are beside it."""
    here = {"project": project.pk, "stack": project.parent_id, "environment": environment.pk}
    rules = compiled.rows(_rules, **here)
    if not rules:
        return []
    groups, people = _by_rule(compiled.rows(_groups, **here)), _by_rule(compiled.rows(_people, **here))
    return [(rule, sorted(groups[rule.pk]), sorted(people[rule.pk])) for rule in rules]


def lines_of(release: Release) -> list[ReleaseComponent]:
    """The lines of a stack's manifest in the order of deployment, with component and release."""
    lines = compiled.rows(_lines, release=release.pk)
    for line in lines:
        line.parent, line.release.project = release, line.component
    return lines


@dataclass(frozen=True)
class Live:
    """What is live somewhere now, and whether nothing later has shaken it."""

    release: Release
    is_settled: bool


def live_beside(release: Release, environment: Environment) -> dict[int, Live]:
    """What is live there now of the release's own project and of every component that it holds, by the project's id.

    A later attempt that failed, was stopped midway or was interrupted may have left anything behind, so that only
    another success settles the place again.
    """
    rows: list[Any] = compiled.rows(_live, release=release.pk, project=release.project_id, environment=environment.pk)
    return {row.project_id: Live(row.release, not row.is_shaken) for row in rows}


def not_started(project: Project, environment: Environment) -> list[Deployment]:
    """Requests for this place that have not started; a project's own deployment waits for a worker unstarted."""
    rows = compiled.rows(_not_started, project=project.pk, environment=environment.pk)
    for row in rows:
        row.project = row.release.project = project
        row.environment = environment
    return rows


def _by_rule(pairs: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for rule, pk in pairs:
        found[rule].append(pk)
    return found


# -- built once -------------------------------------------------------------------------------------------------------


def _track() -> Subquery:
    own = Project.objects.filter(pk=parameter("project")).order_by()
    return Subquery(own.values(track=Coalesce("lifecycle", "parent__lifecycle")))


def _phases() -> "QuerySet[Phase, tuple[Any, ...]]":
    phases = Phase.objects.filter(lifecycle=_track()).order_by("position", "places__environment__position")
    return phases.values_list("pk", "name", "optional", "minimum", "places__environment")


def _automatic_places() -> QuerySet[PhaseEnvironment]:
    first = Phase.objects.filter(lifecycle=OuterRef("lifecycle")).order_by("position").values("pk")[:1]
    places = PhaseEnvironment.objects.filter(lifecycle=_track(), phase=Subquery(first), automatic=True)
    return places.select_related("environment")


def _done() -> "QuerySet[Deployment, tuple[int]]":
    done = Deployment.objects.filter(release=parameter("release"), status__in=DONE)
    return done.order_by().values_list("environment").distinct()


def _held() -> QuerySet[PackageVersion]:
    of_components = ReleaseComponent.objects.filter(parent=parameter("release")).order_by().values("release")
    lines = ReleasePackage.objects.filter(Q(release=parameter("release")) | Q(release__in=of_components)).order_by()
    held = PackageVersion.objects.filter(pk__in=lines.values("version"))
    return held.select_related("package", "artifact").order_by("pk")


def _rules() -> QuerySet[ApprovalRule]:
    there = Q(environments=None) | Q(environments=parameter("environment"))
    own = Q(projects=None) | Q(projects=parameter("project")) | Q(projects=parameter("stack"))
    return ApprovalRule.objects.filter(there, own).distinct().order_by("name", "pk")


def _groups() -> "QuerySet[Any, tuple[int, int]]":
    named = ApprovalRule.groups.through.objects.filter(approvalrule__in=_rules().order_by().values("pk"))
    return named.values_list("approvalrule", "group")


def _people() -> "QuerySet[Any, tuple[int, int]]":
    named = ApprovalRule.people.through.objects.filter(approvalrule__in=_rules().order_by().values("pk"))
    return named.values_list("approvalrule", "user")


def _lines() -> QuerySet[ReleaseComponent]:
    lines = ReleaseComponent.objects.filter(parent=parameter("release")).select_related("component", "release")
    return lines.order_by("stage", "component__position", "pk")


def _live() -> QuerySet[LiveVersion]:
    components = ReleaseComponent.objects.filter(parent=parameter("release")).order_by().values("component")
    beside = Q(project=parameter("project")) | Q(project__in=components)
    # Later is what started later: what was asked for first may have waited longest. Only one at a time is under way.
    later = Deployment.objects.filter(
        project=OuterRef("project"),
        environment=OuterRef("environment"),
        status__in=BROKEN_OFF,
        started_at__gte=OuterRef("deployment__started_at"),
    )
    rows = LiveVersion.objects.now().filter(beside, environment=parameter("environment"))
    return rows.annotate(is_shaken=Exists(later)).select_related("release").order_by()


def _not_started() -> QuerySet[Deployment]:
    unstarted = Q(status__in=WAITING) | Q(status=Status.QUEUED, started_at=None)
    here = Deployment.objects.tops().filter(project=parameter("project"), environment=parameter("environment"))
    return here.filter(unstarted).select_related("release")
