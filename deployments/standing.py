"""What is live in one place, in words for people who are no engineers: for pages, for Confluence, behind a shared link."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from deployments.models import Approval, Deployment, LiveVersion
from deployments.rollup import Rollup, brought_by_each
from lifecycles.models import Environment
from projects.models import Project
from releases.contents import Entry, entries_of
from releases.models import Release, ReleasePackage

UNSAID = ("release__snapshot", "deployment__plan", "deployment__parent__plan", "deployment__parent__release__snapshot")


@dataclass(frozen=True)
class Approved:
    """Somebody who approved what is live. `capacity`: the role, group or name that entitled this person, in words."""

    person: str
    capacity: str
    comment: str
    at: datetime  # aware


@dataclass(frozen=True)
class Standing:
    """One component, or one project on its own, in one environment where something is live."""

    project: Project
    environment: Environment
    live: LiveVersion
    packages: Sequence[ReleasePackage]
    """What the release is made of, each with its version and package."""
    contents: Sequence[Entry]
    """What the manifests of those packages name, in order of label."""
    stack_release: Release | None
    """The stack's release that it came with; None where it was deployed on its own."""
    approved: Sequence[Approved]
    brought: Rollup
    """What came with it, compared with what was really live right before."""

    @property
    def release(self) -> Release:
        return self.live.release

    @property
    def version(self) -> str:
        """The version of its only package; the release's number where there are several, or none of its own."""
        return str(self.packages[0].version.original) if len(self.packages) == 1 else self.release.number


def standing_of(project: Project, environment: Environment) -> Standing | None:
    """What is live there, in a fixed number of queries; None where nothing is. Of a stack it is the stack's own release,
    which holds no packages; `standings_of` tells of it and its components at once."""
    return next(iter(standings_of([project], environment)), None)


def standings_of(projects: Sequence[Project], environment: Environment) -> list[Standing]:
    """The same for several projects, in their order, without those of which nothing is live there. The number of queries
    does not depend on how many there are."""
    rows = (
        LiveVersion.objects.now()
        .filter(project__in=projects, environment=environment)
        .select_related(
            "project__parent", "environment", "release__project__parent", "deployment__parent__release__project"
        )
    )
    live = {row.project_id: row for row in rows.defer(*UNSAID)}
    lines = [live[project.pk] for project in projects if project.pk in live]
    if not lines:
        return []
    releases = [line.release_id for line in lines]
    packages: dict[int, list[ReleasePackage]] = {}
    for held in ReleasePackage.objects.filter(release__in=releases).select_related("version__package").order_by("pk"):
        packages.setdefault(held.release_id, []).append(held)
    contents, brought = entries_of(releases), brought_by_each(lines)
    decided = {line.pk: line.deployment.parent or line.deployment for line in lines}
    approved = _approvals(deployment.pk for deployment in decided.values())
    return [
        Standing(
            project=line.project,
            environment=line.environment,
            live=line,
            packages=packages.get(line.release_id, []),
            contents=contents.get(line.release_id, []),
            stack_release=line.deployment.parent.release if line.deployment.parent else None,
            approved=approved.get(decided[line.pk].pk, []),
            brought=brought[line.pk],
        )
        for line in lines
    ]


def approvals_of(deployment: Deployment) -> list[Approved]:
    """The approvals that let it start, oldest first."""
    return _approvals([deployment.pk]).get(deployment.pk, [])


def _approvals(deployments: Iterable[int]) -> dict[int, list[Approved]]:
    """Those that count, by the id of their deployment, oldest first."""
    rows = Approval.objects.filter(
        deployment__in=set(deployments), decision=Approval.Decision.APPROVED, withdrawn_at=None
    )
    found: dict[int, list[Approved]] = {}
    for row in rows.select_related("person").order_by("pk"):
        found.setdefault(row.deployment_id, []).append(Approved(str(row.person), row.capacity, row.comment, row.at))
    return found
