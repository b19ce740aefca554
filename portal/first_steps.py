"""What is still to be done before the first release can be seen: only statements that are true now."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from accounts.backends import is_administrator
from accounts.models import User
from lifecycles.models import Environment, Phase
from projects.models import Project
from registry.models import PackageVersion
from releases.models import Release


@dataclass(frozen=True)
class Step:
    """One task of a new installation."""

    title: str
    hint: str
    done: bool
    possible: bool = True
    in_admin: bool = False

    @property
    def word(self) -> str:
        if self.done:
            return "Done"
        return "To do" if self.possible else "Cannot start yet"


def steps_for(user: User | AnonymousUser, projects: QuerySet[Project]) -> list[Step]:
    """The first steps, in order, until these projects have a release. Empty: there is one, or nothing concerns them."""
    if Release.objects.filter(project__in=projects).exists():
        return []
    if not is_administrator(user) and not projects.exists():
        return []
    places = list(Environment.objects.values_list("name", flat=True))
    tracks = Phase.objects.filter(places__isnull=False).exists()
    stacks = Project.objects.filter(packages__isnull=False).exists()
    pushed = PackageVersion.objects.eligible().filter(package__projects__isnull=False).exists()
    return [
        Step("Create the environments", _listed(places) or "For example TEST and PROD.", bool(places), in_admin=True),
        Step(
            "Create a lifecycle",
            "It says through which environments a release goes, in which order.",
            tracks,
            possible=bool(places),
            in_admin=True,
        ),
        Step(
            "Add a stack and its components",
            "Each component names its package, its process and its place in the order.",
            stacks,
            possible=tracks,
            in_admin=True,
        ),
        Step("Push the first package", "Your pipeline sends it with an API token.", pushed, possible=stacks),
        Step(
            "Create the first release",
            "A trigger does so when every component has a package; a release manager can, too.",
            done=False,
            possible=pushed,
        ),
    ]


def _listed(names: list[str]) -> str:
    if not names:
        return ""
    return f"{', '.join(names)} {'exists' if len(names) == 1 else 'exist'}."
