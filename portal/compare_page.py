"""What the page that compares two releases says, and which two it compares where nobody says which."""

from dataclasses import dataclass
from functools import cached_property

from django.db.models import Q
from django.http import Http404

from accounts.models import User
from deployments.models import LiveVersion, LiveVersionQuerySet
from deployments.wording import together
from lifecycles.models import Environment
from projects.access import Act, may
from projects.models import Project
from releases.comparing import Compared, compared
from releases.models import Release

CHOICES = 200  # newest releases that can be chosen; any other one by its address


@dataclass(frozen=True)
class Candidate:
    """A release that it makes sense to compare with, and why."""

    release: Release
    because: str


class ComparePage:
    """Two releases of one project as `user` sees them; `found` is None where there are no two."""

    def __init__(self, project: Project, user: User, before: str, after: str) -> None:
        """`before`, `after`: numbers as they were asked for; empty: what is most likely meant. Raises Http404."""
        self.project, self.user = project, user
        self.sides = _sides(project, before, after)

    @cached_property
    def found(self) -> Compared | None:
        if self.sides is None:
            return None
        return compared(*self.sides, technical=self.is_technical)

    @cached_property
    def is_technical(self) -> bool:
        return may(self.user, Act.SEE_TECHNICAL, self.project)

    @cached_property
    def choices(self) -> list[tuple[str, str]]:
        """Number and words of each release that can be chosen, newest first; those that are compared are among them."""
        newest = list(self.project.releases.newest_first()[:CHOICES])
        newest += [side for side in self.sides or () if side not in newest]
        live: dict[int, list[str]] = {}
        for row in _live(self.project):
            live.setdefault(row.release_id, []).append(row.environment.name)
        return [
            (release.number, f"{release.number}, live in {together(live[release.pk])}")
            if release.pk in live
            else (release.number, release.number)
            for release in sorted(newest, key=lambda release: (release.sort_key, release.pk), reverse=True)
        ]


def candidates(release: Release, environment: Environment | None) -> list[Candidate]:
    """What a release on its way to this environment is worth being compared with: what is live there, and the one before."""
    live = next((row.release for row in _live(release.project) if row.environment == environment), None)
    found = [Candidate(live, f"live in {environment}")] if live and live != release else []
    before = _release_before(release)
    return [*found, Candidate(before, "the one before it")] if before and before != live else found


def _sides(project: Project, before: str, after: str) -> tuple[Release, Release] | None:
    newest = project.releases.select_related("project").newest_first()
    there = _release(project, after) if after else newest.first()
    if there is None:
        return None
    here = _release(project, before) if before else _worth_comparing(there)
    return (here, there) if here is not None else None


def _worth_comparing(release: Release) -> Release | None:
    """What is live in the last environment where another release is; else the one before it."""
    live = [row.release for row in _live(release.project) if row.release != release]
    return live[-1] if live else _release_before(release)


def _live(project: Project) -> LiveVersionQuerySet:
    """What is live of the project, in the order of environments."""
    rows = LiveVersion.objects.now().filter(project=project).select_related("release__project", "environment")
    return rows.order_by("environment__position", "environment__name")


def _release_before(release: Release) -> Release | None:
    """The release with the next lower number; of two that differ only in their build part, the earlier one."""
    lower = Q(sort_key__lt=release.sort_key) | Q(sort_key=release.sort_key, pk__lt=release.pk)
    return release.project.releases.filter(lower).select_related("project").newest_first().first()


def _release(project: Project, number: str) -> Release:
    rows = project.releases.select_related("project")
    found = rows.filter(number=number).first() if number.isprintable() else None
    if found is None:
        raise Http404(f"{project} has no release {number}.")
    return found
