"""The release notes as one Markdown text, in the form that the stack's template gives them: to read on, download and publish."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from deployments.models import LiveVersion
from deployments.rollup import Part, Rollup, brought_by, coming
from lifecycles.models import Environment
from projects.models import Project
from publishing.models import NotesTemplate
from publishing.templates import USUAL, filled
from releases.changes import WorkItem
from releases.models import Release
from releases.notes import link, moved, plain

NO_NOTES = "Nobody has written notes for it."
NOTES_LEVEL = 3  # of the headings over the notes of each release


def rolled_up(release: Release, environment: Environment, rollup: Rollup | None = None) -> str:
    """What deploying this release there would bring. `rollup`: where it is known already."""
    found = coming(release, environment) if rollup is None else rollup
    template, address = template_of(release.project), address_of(release)
    return written(release, environment, found, timezone.now(), template, address)


def rolled_up_live(live: LiveVersion, rollup: Rollup | None = None) -> str:
    """What came with what is, or was, live there."""
    found = brought_by(live) if rollup is None else rollup
    template, address = template_of(live.release.project), address_of(live.release)
    return written(live.release, live.environment, found, live.from_at, template, address)


def in_own_form(live: LiveVersion, rollup: Rollup) -> str:
    """The same, where the stack has a form of its own for it; else nothing."""
    return rolled_up_live(live, rollup) if _own_template(live.release.project) else ""


def template_of(project: Project) -> str:
    """That of the project or of its stack, or the usual one."""
    return _own_template(project) or USUAL


def _own_template(project: Project) -> str:
    of = project.parent_id or project.pk
    return NotesTemplate.objects.filter(project=of).values_list("text", flat=True).first() or ""


def written(
    release: Release, environment: Environment, rollup: Rollup, at: datetime, template: str, address: str
) -> str:
    """The roll-up in words.

    at       since when it is live there, or when it is asked (aware)
    address  where readers find out more; complete
    """
    own = next((part for part in rollup.parts if part.newer.project_id == release.project_id), None)
    day = timezone.localtime(at)
    values = {
        "stack": plain(release.project.name),
        "release": plain(release.number),
        "environment": plain(environment.name),
        "date": f"{day.day} {day:%B %Y}",
        "replaces": plain(own.older.number) if own and own.older else "",
        "components": _components(release.project, rollup.parts),
        "notes": _notes(rollup.notes) or ("" if rollup.taken_back else NO_NOTES),
        "work_items": _work_items(rollup.work_items),
        "taken_back": "\n\n".join(
            text for text in (_notes(rollup.taken_back), _work_items(rollup.work_items_taken_back)) if text
        ),
        "link": f"<{address}>",
    }
    return filled(template, values)


def address_of(release: Release) -> str:
    """Where people find this release, complete."""
    page = reverse("portal:release", args=[release.project.slug, release.number])
    return f"{settings.BASE_URL.rstrip('/')}{page}"


def _notes(releases: Sequence[Release]) -> str:
    """Each under a heading of its own."""
    head = "#" * NOTES_LEVEL
    return "\n\n".join(f"{head} {plain(str(release))}\n\n{moved(release.notes, NOTES_LEVEL)}" for release in releases)


def _work_items(items: Sequence[WorkItem]) -> str:
    return "\n".join(f"- {link(item.id, item.url)} {plain(item.title)}".rstrip() for item in items)


def _components(project: Project, parts: Sequence[Part]) -> str:
    changed = [part for part in parts if not part.newer.project.is_stack]
    return "\n".join(f"- {plain(part.newer.project.name)}: {_change(part)}" for part in changed)


def _change(part: Part) -> str:
    if part.older is None:
        return f"{plain(part.newer.number)}, new here"
    back = ", rolled back" if part.is_backwards else ""
    return f"{plain(part.older.number)} → {plain(part.newer.number)}{back}"
