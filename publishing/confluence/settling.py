"""Make the rows match which pages there should be, and say which of them are due. Every write is conditional, so that any
number of workers may do it at once."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from django.db.models import F, QuerySet
from django.utils import timezone

from publishing.confluence.desired import Wanted, wanted_pages
from publishing.models import Publication, StackPublishing

STATE = Publication.State
AT_ONCE = 500  # rows in one statement
UNCLAIMED = {"claimed_until": None, "claimed_by": ""}
NO_TROUBLE = {"problem": "", "failing_since": None, "tries": 0}
NO_PAGE = {
    "page_id": "", "page_version": 0, "page_space": "", "title": "", "body_hash": "", "shows": None,
    "published_at": None, "verified_at": None,
}  # fmt: skip


def settle() -> None:
    """Add the pages that are missing, let go of those that nobody wants any more, and mark as due those that tell of
    something that is no longer live, or that belong elsewhere now."""
    wanted = wanted_pages()
    known = {row.key: row for row in Publication.objects.select_related(None).defer("problem")}
    _add([page for key, page in wanted.items() if key not in known])
    _withdraw([row for key, row in known.items() if key not in wanted and row.state != STATE.WITHDRAWN])
    both = [(row, wanted[key]) for key, row in known.items() if key in wanted]
    _move([(row, page.publishing) for row, page in both if _is_elsewhere(row, page.publishing)])
    here = [(row, page) for row, page in both if not _is_elsewhere(row, page.publishing)]
    for row, page in here:
        if row.publishing_id != page.publishing.pk:  # a component that has changed its stack
            _still([row]).update(publishing=page.publishing, asked=F("asked") + 1)
    _revive([row for row, _ in here if row.state == STATE.WITHDRAWN])
    stale = [row for row, page in here if row.state == STATE.CURRENT and page.shows != row.shows_id]
    for some in _portions(stale):
        rows = _still(some).filter(state=STATE.CURRENT, shows__in={row.shows_id for row in some} - {None})
        rows.update(state=STATE.DUE, next_at=timezone.now(), asked=F("asked") + 1)


def _add(pages: Sequence[Wanted]) -> None:
    now = timezone.now()
    rows = [
        Publication(
            key=page.key,
            publishing=page.publishing,
            kind=page.kind,
            project_id=page.project,
            environment_id=page.environment,
            release_id=page.release,
            connection_id=page.publishing.connection_id,
            space=page.publishing.space,
            next_at=now,
        )
        for page in pages
    ]
    Publication.objects.bulk_create(rows, batch_size=AT_ONCE, ignore_conflicts=True)


def _withdraw(rows: Sequence[Publication]) -> None:
    """The page stays in Confluence as it is. Whoever writes it just now finds the claim gone."""
    for some in _portions(rows):
        _still(some).update(state=STATE.WITHDRAWN, next_at=None, **NO_TROUBLE, **UNCLAIMED)


def _revive(rows: Sequence[Publication]) -> None:
    for some in _portions(rows):
        _still(some).filter(state=STATE.WITHDRAWN).update(state=STATE.DUE, next_at=timezone.now(), verified_at=None)


def _move(rows: Sequence[tuple[Publication, StackPublishing]]) -> None:
    """To another site or space: a new page is made there, and the old one stays as it is."""
    for row, publishing in rows:
        there = {"connection": publishing.connection_id, "space": publishing.space, "publishing": publishing}
        now = timezone.now()
        _still([row]).update(state=STATE.DUE, next_at=now, **there, **NO_PAGE, **NO_TROUBLE, **UNCLAIMED)


def _is_elsewhere(row: Publication, publishing: StackPublishing) -> bool:
    return (row.connection_id, row.space) != (publishing.connection_id, publishing.space)


def _still(rows: Sequence[Publication]) -> QuerySet[Publication]:
    return Publication.objects.filter(pk__in=[row.pk for row in rows])


def _portions(rows: Iterable[Publication]) -> Iterator[list[Publication]]:
    remaining = iter(rows)
    while some := list(islice(remaining, AT_ONCE)):
        yield some
