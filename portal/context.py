"""What the frame of every page shows. Asked for only when a template names it, so fragments and admin pay nothing."""

import tomllib
from dataclasses import dataclass
from functools import cache, cached_property

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.backends import is_administrator
from deployments.models import Deployment
from deployments.waiting import undecided_for, waiting_for
from portal.undecided import Undecided
from projects.access import Act, may_everywhere, projects_for

OF_PROJECTS = (
    "project", "place", "coming", "sharing", "release", "request", "release-create", "notes", "compare",
)  # fmt: skip
HOLDS = ("holds", "put-hold", "release-hold")


@dataclass(frozen=True)
class Entry:
    """One link of the main navigation."""

    label: str
    url: str
    current: bool
    count: int = 0


class Frame:
    """The bar and the foot of a page, for the person who asks."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def decisions(self) -> list[Deployment]:
        """The requests that wait for this person's decision."""
        return waiting_for(self.request.user) if self.request.user.is_authenticated else []

    @cached_property
    def undecided(self) -> list[Undecided]:
        """The scripts that cannot go on until this person decides."""
        user = self.request.user
        return [Undecided(row, user) for row in undecided_for(user)] if user.is_authenticated else []

    @property
    def waiting(self) -> int:
        return len(self.decisions) + len(self.undecided)

    @cached_property
    def navigation(self) -> list[Entry]:
        """The links that lead somewhere for this person."""
        entries = [
            self._entry("Overview", "overview", *OF_PROJECTS),
            self._entry("Waiting for you", "waiting", "approval", count=self.waiting),
        ]
        entries.append(self._entry("Deployments", "deployments", "deployment", "cancel", "resolve", *HOLDS))
        if self._sees_technical:
            entries.append(self._entry("Packages", "packages", "package", "evaluations", "feeds", "feed"))
            entries.append(self._entry("Workers", "workers", "drain"))
        entries.append(self._entry("Activity", "activity"))
        if is_administrator(self.request.user):
            entries.append(Entry("Configuration", reverse("admin:index"), current=False))
        return entries

    @property
    def is_about_me(self) -> bool:
        """Whether this is the page of one's own messages, which the name in the bar leads to."""
        match = self.request.resolver_match
        return match is not None and match.view_name == "portal:messages"

    @property
    def zone(self) -> str:
        return zone()

    @property
    def version(self) -> str:
        return product_version()

    @property
    def _sees_technical(self) -> bool:
        """Also before there are any projects, for whoever will see all of them."""
        user = self.request.user
        return projects_for(user, Act.SEE_TECHNICAL).exists() or may_everywhere(user, Act.SEE_TECHNICAL)

    def _entry(self, label: str, name: str, *also: str, count: int = 0) -> Entry:
        match = self.request.resolver_match
        here = match is not None and match.namespace == "portal" and match.url_name in (name, *also)
        return Entry(label, reverse(f"portal:{name}"), here, count)


def frame(request: HttpRequest) -> dict[str, object]:
    """Context processor: `frame` in every template."""
    return {"frame": Frame(request)}


def zone() -> str:
    """The time zone that times are shown in."""
    short = f"{timezone.localtime():%Z}"
    return settings.TIME_ZONE if short == settings.TIME_ZONE else f"{settings.TIME_ZONE} ({short})"


@cache
def product_version() -> str:
    """The version of Signalbox, as `pyproject.toml` states it."""
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        version: str = tomllib.load(file)["project"]["version"]
    return version
