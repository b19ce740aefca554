"""A cheap doorbell: the trail says what has happened, so that only the pages that this can concern are looked at.

Whatever it misses is found by `settling` (what is live) and by the look that every page gets now and then.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Max, Q
from django.utils import timezone

from accounts.models import Event
from deployments.models import FINAL, LiveVersion
from projects.models import Project
from publishing.models import Publication

KIND, STATE = Publication.Kind, Publication.State
NOTES = "release.notes"
MATTER = ("deployment.", NOTES)
ENDINGS = {f"deployment.{status}" for status in FINAL}
LATEST_LOOK = 1.2  # of the usual time, see `claims.keep`
OVERLAP_SECONDS = 30.0
"""A line may be committed after one with a higher number: so long it is still expected."""


@dataclass(frozen=True)
class Heard:
    """One line of the trail."""

    verb: str
    project: int | None

    @property
    def is_about_everything(self) -> bool:
        """A name, a title, a space: nobody knows which pages say it."""
        return self.verb == "configuration.changed"

    @property
    def matters(self) -> bool:
        """Whether any page could say something else now."""
        return self.is_about_everything or (self.project is not None and self.verb.startswith(MATTER))

    @property
    def concerns_components(self) -> bool:
        """Whether what has happened to a stack is told on the pages of its components: how a train ends (they are in step
        with it or not), and the notes of a release."""
        return self.verb in ENDINGS or self.verb == NOTES


@dataclass
class Bell:
    """Tells each line of the trail that matters once. At first also what happened while perhaps no worker lived, as far back as
    the look that every page gets now and then does not reach."""

    floor: int | None = None
    told: dict[int, float] = field(default_factory=dict)  # number of the line → when it was told

    def rings(self) -> list[Heard]:
        now = time.monotonic()
        if self.floor is None:
            self.floor = _last_before(timedelta(seconds=settings.CONFLUENCE_VERIFY_SECONDS * LATEST_LOOK))
        rows = Event.objects.filter(pk__gt=self.floor).order_by("pk").values_list("pk", "verb", "project")
        new = [(pk, Heard(verb, project)) for pk, verb, project in rows if pk not in self.told]
        self.told |= {pk: now for pk, _ in new}
        settled = [pk for pk, at in self.told.items() if now - at > OVERLAP_SECONDS]
        self.floor = max([self.floor, *settled])
        self.told = {pk: at for pk, at in self.told.items() if pk > self.floor}
        return [heard for _, heard in new if heard.matters]


def _last_before(ago: timedelta) -> int:
    """The number of the last line that is older; 0 where there is none."""
    older = Event.objects.filter(at__lt=timezone.now() - ago)
    return older.aggregate(last=Max("pk"))["last"] or 0


def ask_for_looks(heard: Collection[Heard]) -> None:
    """Have the pages looked at soon that these lines may have changed. A look is local, and costs Confluence nothing where
    the page would say the same."""
    about = _all_pages() if any(line.is_about_everything for line in heard) else _pages_about(heard)
    rows = Publication.objects.filter(state__in=(STATE.CURRENT, STATE.DUE)).filter(about)
    rows.update(next_at=timezone.now(), asked=F("asked") + 1)


def _all_pages() -> Q:
    """All but those of releases that are nowhere live any more, of which there are ever more: their turn comes."""
    return ~Q(kind=KIND.RELEASE) | Q(release__in=LiveVersion.objects.now().values("release"))


def _pages_about(heard: Collection[Heard]) -> Q:
    """The pages of what is named, and those on which its stack shows it."""
    named = {line.project for line in heard if line.project is not None}
    parents = dict(Project.objects.filter(pk__in=named).values_list("pk", "parent"))
    shared = Q(publishing__project__in={parent or pk for pk, parent in parents.items()}) & ~Q(kind=KIND.COMPONENT)
    own = Q(kind=KIND.COMPONENT, project__in=parents)
    told = {line.project for line in heard if line.concerns_components}
    stacks = {pk for pk, parent in parents.items() if parent is None and pk in told}
    return shared & _all_pages() | own | Q(kind=KIND.COMPONENT, publishing__project__in=stacks)
