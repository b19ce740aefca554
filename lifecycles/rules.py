"""What a lifecycle may look like: rules that Django admin and `manage.py apply` both ask. Questions only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import Q

from lifecycles.models import Environment, Lifecycle


@dataclass(frozen=True)
class WantedPhase:
    """A phase as somebody wants it, before it is stored."""

    name: str
    environments: Sequence[Environment]
    automatic: Sequence[Environment] = field(default=())
    minimum: int = 0


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `field` says where, in the words of the model; empty: with the whole row."""

    field: str
    sentence: str


def why_not_phase(phase: WantedPhase) -> Iterator[Problem]:
    """Everything that is wrong with a phase by itself."""
    count = len(phase.environments)
    if not count:
        yield Problem("environments", f"The phase {phase.name} names no environment. Choose at least one.")
    elif phase.minimum > count:
        yield Problem(
            "minimum",
            f"The phase {phase.name} asks for {phase.minimum} successful environments but has only {count}. Lower the"
            " minimum (0 means all of them), or add environments.",
        )
    for environment in phase.automatic:
        if environment not in phase.environments:
            yield Problem(
                "automatic",
                f"{environment} cannot be automatic in the phase {phase.name}: it is not among its environments.",
            )


def why_not_together(phases: Sequence[WantedPhase]) -> Iterator[str]:
    """What is wrong between the phases of one lifecycle."""
    seen: dict[Environment, str] = {}
    for phase in phases:
        for environment in phase.environments:
            if environment in seen:
                yield (
                    f"{environment} is in the phases {seen[environment]} and {phase.name}. An environment is in one phase"
                    " of a lifecycle only: take it out of one of them."
                )
            seen[environment] = phase.name


def why_not_without(lifecycle: Lifecycle, leaving: Iterable[Environment]) -> Iterator[str]:
    """Why environments may not be taken out of a lifecycle: something of its projects is, or moves, there.

    Live versions and deployments lie in a higher room; they are looked up by their relation, nothing there is called.
    """
    own = Q(project__lifecycle=lifecycle) | Q(project__lifecycle=None, project__parent__lifecycle=lifecycle)
    for environment in leaving:
        live = environment.live_versions.filter(own, until_at=None).select_related("project").first()
        moving = environment.deployments.filter(own, finished_at=None).select_related("project").first()
        if live:
            yield (
                f"{environment} cannot leave the lifecycle {lifecycle}: {live.project} is live there and would disappear"
                " from view. Give its project another lifecycle first."
            )
        elif moving:
            yield (
                f"{environment} cannot leave the lifecycle {lifecycle}: a deployment of {moving.project} there is not"
                " finished. Let it finish, or cancel it."
            )
