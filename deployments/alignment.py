"""What is live where, and whether components are in step with their stack."""

from collections.abc import Iterable
from dataclasses import dataclass

from deployments.models import LiveVersion
from lifecycles.models import Environment
from projects.models import Project
from releases.models import Release, ReleaseComponent


@dataclass(frozen=True)
class Alignment:
    """Whether a component runs what its stack's live release names, in a sentence."""

    in_step: bool
    sentence: str


def live_version(project: Project, environment: Environment) -> LiveVersion | None:
    """What is live there now, with its release."""
    return LiveVersion.objects.now().select_related("release").filter(project=project, environment=environment).first()


def previous_live(project: Project, environment: Environment) -> Release | None:
    """The release that was live there before the one that is live now: what a rollback brings back."""
    now = live_version(project, environment)
    if now is None:
        return None
    before = LiveVersion.objects.filter(project=project, environment=environment).exclude(release=now.release_id)
    last = before.select_related("release__project").order_by("-from_at", "-pk").first()
    return last.release if last else None


def alignment_of(live: Release | None, named: Release | None, stack_release: Release | None) -> Alignment:
    """Compare a component's live release with the one that its stack's live release names (all may be None)."""
    if stack_release is None:
        if live is None:
            return Alignment(True, "")
        return Alignment(False, "Deployed on its own, before any release of its stack.")
    if named is None:
        return Alignment(live is None, f"{stack_release.number} does not name this component.")
    if live is None:
        return Alignment(False, f"Not deployed here, although {stack_release.number} names {named.number}.")
    if live.pk == named.pk:
        return Alignment(True, f"As {stack_release.number} names it.")
    return Alignment(False, f"Out of step: {stack_release.number} names {named.number}.")


def named_by(stack_releases: Iterable[int]) -> dict[tuple[int, int], Release]:
    """Which release each of these stack releases (ids) names for each component: {(stack release, component): release}."""
    lines = ReleaseComponent.objects.filter(parent__in=list(stack_releases)).select_related("release__project")
    return {(line.parent_id, line.component_id): line.release for line in lines}
