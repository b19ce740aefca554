"""Which pages there should be: worked out from what is or was live, and from what is configured. In five queries."""

from collections.abc import Iterator
from dataclasses import dataclass

from deployments.models import LiveVersion
from projects.models import Project
from publishing.models import Publication, StackPublishing

KIND = Publication.Kind


@dataclass(frozen=True)
class Wanted:
    """A page that should be there. `shows`: the live version (its id) that it should tell of, where it tells of one."""

    key: str
    publishing: StackPublishing
    kind: str
    project: int
    environment: int | None = None
    release: int | None = None
    shows: int | None = None


def wanted_pages() -> dict[str, Wanted]:
    """Every page that should be there, by its key."""
    stacks = list(StackPublishing.objects.filter(enabled=True).select_related("project"))
    members = _members([one.project_id for one in stacks])
    everything = {member for held in members.values() for member in held}
    live: dict[int, dict[int, int]] = {}  # project → environment → live version
    now = LiveVersion.objects.now().filter(project__in=everything).order_by()
    for project, environment, pk in now.values_list("project", "environment", "pk"):
        live.setdefault(project, {})[environment] = pk
    releases = _releases([one.project_id for one in stacks if one.release_pages])
    return {
        page.key: page
        for one in stacks
        for page in _pages_of(one, members[one.project_id], live, releases.get(one.project_id, []))
    }


def _pages_of(
    one: StackPublishing, members: list[int], live: dict[int, dict[int, int]], releases: list[int]
) -> Iterator[Wanted]:
    stack = one.project_id
    places = [(member, where, pk) for member in members for where, pk in live.get(member, {}).items()]
    if one.component_pages:
        for member, where, pk in places:
            yield Wanted(f"component:{member}:{where}", one, KIND.COMPONENT, member, environment=where, shows=pk)
    if one.environment_pages and one.component_pages:
        for where in sorted({where for _, where, _ in places}):
            yield Wanted(f"environment:{stack}:{where}", one, KIND.ENVIRONMENT, stack, environment=where)
    if one.stack_page and places:
        yield Wanted(f"stack:{stack}", one, KIND.STACK, stack)
    for release in releases:
        yield Wanted(f"release:{release}", one, KIND.RELEASE, stack, release=release)


def _members(stacks: list[int]) -> dict[int, list[int]]:
    """The components of each stack; a project on its own is its only member."""
    found: dict[int, list[int]] = {stack: [] for stack in stacks}
    for stack, component in Project.objects.filter(parent__in=stacks).values_list("parent", "pk"):
        found[stack or 0].append(component)
    alone = Project.objects.filter(pk__in=stacks, kind=Project.Kind.ALONE).values_list("pk", flat=True)
    return found | {pk: [pk] for pk in alone}


def _releases(stacks: list[int]) -> dict[int, list[int]]:
    """The releases of each of these that are or were live anywhere."""
    found: dict[int, list[int]] = {}
    lived = LiveVersion.objects.filter(project__in=stacks).order_by("release").values_list("project", "release")
    for stack, release in lived.distinct():
        found.setdefault(stack, []).append(release)
    return found
