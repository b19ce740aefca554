"""Go to Confluence for one page that was claimed, and write down what came of it. Never inside a transaction."""

import contextlib
import logging
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from config.encryption import CannotDecrypt
from deployments.holding import DATABASE_AWAY
from publishing.confluence import claims, titles
from publishing.confluence.cloud import Cloud
from publishing.confluence.data_center import DataCenter
from publishing.confluence.dialects import Dialect
from publishing.confluence.drafts import Draft, draft_of, reference_of
from publishing.confluence.failures import (
    Away,
    Conflict,
    ConfluenceFailed,
    Gone,
    SignInRefused,
)
from publishing.confluence.transport import Transport, access_to
from publishing.confluence.upsert import Done, Target, bring_up_to_date
from publishing.models import Connection, Publication

log = logging.getLogger(__name__)
KIND, STATE = Publication.Kind, Publication.State
OUR_FAULT = (
    "Something broke in Signalbox while this page was written; its log has the details. It is tried again by itself."
)
NOT_XML = (
    "Signalbox made a page that is no well-formed XML, so that it was not sent. Its log has the details; report it."
)


@contextlib.contextmanager
def site_of(connection: Connection) -> Iterator[Dialect]:
    """The site in its own dialect, for one visit. Raises CannotDecrypt."""
    with Transport(access_to(connection)) as site:
        yield Cloud(site) if connection.is_cloud else DataCenter(site)


def visit(held: Publication) -> None:
    """Bring the page of a claimed publication up to date. Raises nothing but that the database is away: whatever goes
    wrong outside is written down."""
    connection = held.connection
    try:
        draft = draft_of(held)
        if draft is None:
            claims.let_be(held)
            claims.let_others_try(connection)
        elif _is_known_to_say(held, draft):
            claims.keep(held, draft)
            claims.let_others_try(connection)
        else:
            _keep(held, _bring(held))
            claims.connection_answered(connection)
    except DATABASE_AWAY:
        raise
    except ConfluenceFailed as failure:
        _fail(held, failure)
    except CannotDecrypt as failure:
        claims.park(held, str(failure))
        claims.let_others_try(connection)
    except ValueError:
        log.exception("a page of %s could not be written", held.key)
        claims.park(held, NOT_XML)
        claims.let_others_try(connection)
    except Exception:
        log.exception("a page of %s could not be written", held.key)
        claims.keep_trying(held, OUR_FAULT)
        claims.let_others_try(connection)


def _fail(held: Publication, failure: ConfluenceFailed) -> None:
    """What concerns one page leaves the others alone; what concerns all lets the whole connection rest."""
    connection = held.connection
    if held.tries == 0:  # once, not with every try
        log.warning("%s is not published: %s", held.key, failure.sentence)
    if isinstance(failure, Away):
        claims.keep_trying(held, failure.sentence, failure.retry_after)
        pause = claims.pause_after(connection.failures + 1, failure.retry_after)
        claims.connection_failed(connection, failure.sentence, pause)
    elif isinstance(failure, SignInRefused | Gone):
        claims.park(held, failure.sentence)
        claims.connection_failed(connection, failure.sentence, claims.SIGN_IN_PAUSE)
    else:
        if isinstance(failure, Conflict):
            claims.keep_trying(held, failure.sentence)
        else:
            claims.park(held, failure.sentence)
        claims.connection_answered(connection)


def _is_known_to_say(held: Publication, draft: Draft) -> bool:
    """Whether the page said exactly this when we looked last, and that is not long ago: then nobody need ask."""
    if held.state in Publication.IN_TROUBLE or held.verified_at is None or not held.page_id:
        return False
    lately = timezone.now() - timedelta(seconds=settings.CONFLUENCE_VERIFY_SECONDS * 0.7)
    return held.body_hash == draft.hash and held.verified_at > lately


def _bring(held: Publication) -> Done:
    def draft() -> Draft:
        found = draft_of(held)
        if found is None:
            raise Conflict("There is nothing to tell any more.")
        return found

    owners = Connection.objects.values_list("owner", flat=True)
    target = Target(
        page_id=held.page_id,
        space=held.space,
        parent=held.publishing.parent_page,
        title=titles.title_for(held),
        owner=f"{held.connection.owner} {held.key}",
        owners={f"{owner} {held.key}" for owner in owners},
        reference=reference_of(held),
    )
    with site_of(held.connection) as dialect:
        return bring_up_to_date(dialect, target, draft, lambda page: claims.remember(held, page))


def _keep(held: Publication, done: Done) -> None:
    was = (held.page_id, held.title, held.page_space)
    claims.keep(held, done.draft, done.page, wrote=done.wrote or not held.page_id)
    is_shown = held.kind == KIND.COMPONENT and was != (done.page.id, done.page.title, done.page.space)
    if is_shown:  # the page that shows it names it by its title
        merged = Publication.objects.filter(
            publishing=held.publishing_id, kind=KIND.ENVIRONMENT, environment=held.environment_id
        ).exclude(state=STATE.WITHDRAWN)
        merged.filter(state__in=(STATE.CURRENT, STATE.DUE)).update(next_at=timezone.now(), asked=F("asked") + 1)
