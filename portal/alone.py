"""What deploying one component without its stack would break, as sentences, and what could be done instead."""

from dataclasses import dataclass

from deployments import alignment
from deployments.models import LiveVersion
from lifecycles.models import Environment
from releases.models import Release, ReleaseComponent


@dataclass(frozen=True)
class Consequences:
    """`sentences`: what it means there. `instead`: a release of the stack that holds this one, where there is one."""

    sentences: list[str]
    restores: bool  # the component is in step afterwards rather than out of it
    instead: Release | None
    instead_is_older: bool = False  # than what is live of the stack, so that it means rolling back


def consequences_of(release: Release, environment: Environment) -> Consequences:
    """What it means for the stack when this component's release goes to `environment` on its own."""
    component, stack = release.project, release.project.parent
    if stack is None:
        raise ValueError(f"{component} is not a component")
    live = alignment.live_version(stack, environment)
    lines = ReleaseComponent.objects.filter(release=release, parent__project=stack).select_related("parent__project")
    newest = lines.order_by("-parent__sort_key").first()
    if live is None:
        sentences = [
            f"No release of {stack} is live in {environment} yet: {component} would be there without the rest."
        ]
        return Consequences(sentences, False, newest.parent if newest else None)
    named = alignment.named_by([live.release_id]).get((live.release_id, component.pk))
    if named == release:
        sentence = (
            f"{environment} runs {live.release}, which names {release.number}: after this {component} is in step there."
        )
        return Consequences([sentence], True, None)
    names = f"names {named.number}" if named else "does not name it"
    sentences = [
        f"{environment} runs {live.release}, which {names}. After this {component} is out of step there, and the overview"
        " shows it until a release of the stack brings it back in step.",
        *_untested(release, environment),
        f"The next release of {stack} that goes to {environment} replaces it with whatever that release holds.",
    ]
    instead = newest.parent if newest and newest.parent != live.release else None
    older = instead is not None and (instead.sort_key, instead.pk) < (live.release.sort_key, live.release.pk)
    return Consequences(sentences, False, instead, older)


def _untested(release: Release, environment: Environment) -> list[str]:
    """Beside which versions it has not run anywhere, so far as is on record."""
    others = LiveVersion.objects.now().filter(environment=environment, project__parent=release.project.parent_id)
    sentences = []
    for other in others.exclude(project=release.project_id).select_related("project", "release"):
        together = ReleaseComponent.objects.filter(
            release=other.release_id, parent__components__release=release, parent__live_versions__isnull=False
        )
        if not together.exists():
            sentences.append(
                f"{release.number} has never been live together with {other.project} {other.release.number}, which"
                f" {environment} runs."
            )
    return sentences
