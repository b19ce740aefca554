"""What a page should say now: read from the database, and nothing else, whenever it is asked."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from deployments import alignment
from deployments.grid import build_grids
from deployments.models import UNDER_WAY, LiveVersion
from deployments.rollup import Rollup, brought_by
from deployments.standing import standing_of
from projects.models import Project
from publishing import addresses, notes
from publishing.confluence import pages, titles
from publishing.confluence import storage_format as storage
from publishing.confluence.dialects import Content
from publishing.confluence.pages import Shown
from publishing.confluence.storage_format import Part, element
from publishing.models import Publication
from releases.contents import entries_of
from releases.models import Release

KIND = Publication.Kind
OWNER_DIGITS, HASH_DIGITS = 8, 12


@dataclass(frozen=True)
class Draft:
    """A page as it should be.

    body       without the line at its end
    link       where people read more
    reference  begins the last word of that line, by which a page that we made is recognised
    shows      the live version that it tells of (its id), where it tells of one
    """

    title: str
    body: str = field(repr=False)
    comment: str
    link: str
    reference: str
    shows: int | None = None

    @property
    def hash(self) -> str:
        """Of everything that a reader sees. Compared with itself only: Confluence rewrites what it is sent."""
        return hashlib.sha256("\0".join([self.title, self.body, self.link, self.reference]).encode()).hexdigest()

    @property
    def signature(self) -> str:
        """The reference with the beginning of the hash: on a page only when we wrote exactly this."""
        return f"{self.reference}{self.hash[:HASH_DIGITS]}"

    @property
    def content(self) -> Content:
        """What is sent. Raises ValueError where it is no well-formed XML."""
        more = storage.link("see it there", self.link)
        line = element(
            "p", element("em", "Signalbox keeps this page up to date (", more, _REPLACED, self.signature, ".)")
        )
        return Content(
            self.title, storage.well_formed(self.body + storage.written([element("hr"), line])), self.comment
        )


_REPLACED = ") and replaces what is changed here by hand. (Reference: "


def reference_of(publication: Publication) -> str:
    """What the reference on its page begins with: of this installation, and of no other page."""
    return f"{publication.connection.owner[:OWNER_DIGITS]}.{publication.key.replace(':', '.')}."


def draft_of(publication: Publication) -> Draft | None:
    """The page as it should be now; None where there is nothing to tell. Needs what `Publication` names, loaded.

    The time that it takes is the database's alone.
    """
    write = {
        KIND.COMPONENT: _component,
        KIND.ENVIRONMENT: _environment,
        KIND.STACK: _stack,
        KIND.RELEASE: _release,
    }
    return write[KIND(publication.kind)](publication)


def _draft(publication: Publication, parts: Iterable[Part], comment: str, link: str, shows: int | None = None) -> Draft:
    title, body = titles.title_for(publication), storage.written(parts)
    return Draft(title, body, comment, link, reference_of(publication), shows)


def _component(publication: Publication) -> Draft | None:
    project, environment = publication.project, publication.environment
    standing = standing_of(project, environment) if environment else None
    if standing is None:
        return None
    parts = pages.component_page(standing, _alignment(standing.live))
    comment = (standing.stack_release or standing.release).number
    return _draft(publication, parts, comment, addresses.project(project), standing.live.pk)


def _alignment(live: LiveVersion) -> alignment.Alignment:
    """Whether it is what its stack's live release names; a project on its own is in step with itself. While the train that
    brought it is under way nobody can say yet: the stack's own release follows its components."""
    train = live.deployment.parent
    if live.project.parent is None or (train is not None and train.status in UNDER_WAY):
        return alignment.Alignment(True, "")
    stack = alignment.live_version(live.project.parent, live.environment)
    named = alignment.named_by([stack.release_id]) if stack else {}
    found = named.get((stack.release_id, live.project_id)) if stack else None
    return alignment.alignment_of(live.release, found, stack.release if stack else None)


def _environment(publication: Publication) -> Draft | None:
    """In order of deployment. The titles are those that the pages have there, whoever gave them."""
    if publication.environment is None:
        return None
    rows = Publication.objects.filter(
        publishing=publication.publishing_id, kind=KIND.COMPONENT, environment=publication.environment
    ).exclude(state=Publication.State.WITHDRAWN)
    rows = rows.select_related("project").order_by("project__stage", "project__position", "project__name")
    shown = [Shown(row.project, row.title if row.page_id else "", row.page_space or row.space) for row in rows]
    live = alignment.live_version(publication.project, publication.environment)
    parts = pages.environment_page(publication.project, publication.environment.name, shown)
    comment = live.release.number if live else ""
    return _draft(publication, parts, comment, addresses.project(publication.project)) if shown else None


def _stack(publication: Publication) -> Draft | None:
    (grid,) = build_grids([publication.project])
    since = [(cell.since, cell.release.number) for cell in grid.rows[0].cells if cell.since and cell.release]
    comment = max(since)[1] if since else ""
    return _draft(publication, pages.stack_page(grid), comment, addresses.project(publication.project))


def _release(publication: Publication) -> Draft | None:
    release = publication.release
    if release is None:
        return None
    lives = LiveVersion.objects.filter(release=release).select_related("environment", "release__project__parent")
    lines = list(lives.order_by("from_at", "pk"))
    parts = [line.release for line in release.components.select_related("release__project")]
    entries = [entry for found in entries_of(_made_of(release, parts)).values() for entry in found]
    arrival = _arrival(release.project, lines)
    brought = brought_by(arrival) if arrival else Rollup()
    told = notes.in_own_form(arrival, brought) if arrival else ""
    page = pages.release_page(release, lines, parts, brought, entries, told)
    return _draft(publication, page, release.number, addresses.release(release)) if lines else None


def _made_of(release: Release, parts: list[Release]) -> list[int]:
    return [part.pk for part in parts] or [release.pk]


def _arrival(project: Project, lives: list[LiveVersion]) -> LiveVersion | None:
    """When it first went live in the last environment of the lifecycle that it has reached: what it brought there is what
    people mean, and going there again later changes nothing about it."""
    order = {place.pk: number for number, place in enumerate(project.track.environments())}
    reached = max((order.get(line.environment_id, -1) for line in lives), default=None)
    return next((line for line in lives if order.get(line.environment_id, -1) == reached), None)
