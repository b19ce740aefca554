"""The duty of every worker: look again and again what is true, and make Confluence say it.

Nothing is queued, so nothing can be lost: a missed event, an outage of a day, a restored backup on either side and a
killed worker all end with the next look. A deployment never waits for any of it.
"""

import logging
import random
import threading
import time

from django.conf import settings
from django.db import connection

from deployments.holding import DATABASE_AWAY
from publishing.confluence import claims
from publishing.confluence.bell import Bell, ask_for_looks
from publishing.confluence.settling import settle
from publishing.confluence.visiting import visit
from publishing.models import StackPublishing

log = logging.getLogger(__name__)
SETTLE_SECONDS = 60.0


class Rounds:
    """What one worker remembers from one round to the next."""

    def __init__(self) -> None:
        self.bell = Bell()
        self.settled_at = float("-inf")
        self.visitors: list[threading.Thread] = []

    def look(self) -> None:
        """Find out what is due. Cheap where nothing has happened, and nearly nothing where no stack publishes."""
        if not StackPublishing.objects.exists():
            return
        heard = self.bell.rings()
        if heard or time.monotonic() - self.settled_at > SETTLE_SECONDS:
            settle()
            self.settled_at = time.monotonic()
        if heard:
            ask_for_looks(heard)

    def set_off(self, going: threading.Event) -> None:
        """Have what is due visited beside this, by as many threads as there is work for."""
        self.visitors = [thread for thread in self.visitors if thread.is_alive()]
        free = settings.CONFLUENCE_AT_ONCE - len(self.visitors)
        for _ in range(len(claims.due().values_list("pk")[:free]) if free > 0 else 0):
            thread = threading.Thread(target=_visit_all, args=(going,), name="publishing", daemon=True)
            thread.start()
            self.visitors.append(thread)

    def once(self) -> None:
        """A whole round, in this thread: everything that is due now is visited when it returns."""
        self.look()
        visit_all_due(threading.Event())


def forever(going: threading.Event) -> None:
    """Until the worker goes away. A database that is away is waited for."""
    rounds = Rounds()
    while not going.is_set():
        try:
            rounds.look()
            rounds.set_off(going)
        except Exception as error:  # noqa: BLE001 - the next round repeats it
            log.warning("a round of publishing failed and will be repeated: %r", error)
            connection.close()
        going.wait(settings.CONFLUENCE_LOOK_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - not a secret
    connection.close()


def visit_all_due(going: threading.Event) -> int:
    """One after the other, until nothing is due any more; how many."""
    count = 0
    while not going.is_set() and (held := claims.claim_next()):
        visit(held)
        count += 1
    return count


def _visit_all(going: threading.Event) -> None:
    try:
        visit_all_due(going)
    except DATABASE_AWAY as error:
        log.warning("the database went away while pages were written; it is repeated: %r", error)
    except Exception:
        log.exception("a visit to Confluence broke off; it is repeated")
    finally:
        connection.close()
