"""What a worker does about messages: it looks through the trail, and sends. Every worker does all of it."""

import logging
import random
import threading
from collections.abc import Callable

from django.db import connection

from publishing.messages import outbox, outlook
from publishing.messages.failures import Then

log = logging.getLogger(__name__)
PAUSE_SECONDS = 1.5
AWAY_SECONDS = 20.0  # while the mail server is away, nobody else's mail is tried
POSTING_LANES = 2  # a receiver that takes its time does not keep all others waiting


def forever(going: threading.Event) -> None:
    """Until `going` is set. What fails is logged and done again; a database that is away is waited for."""
    lanes = [lambda: _keep_on(going, "mail", outbox.mail_next)]
    lanes += [lambda: _keep_on(going, "posting", outbox.post_next)] * POSTING_LANES
    threads = [threading.Thread(target=lane, name="messages", daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    _keep_on(going, "looking through the trail", _look)
    for thread in threads:
        thread.join()


def _look() -> bool:
    return outlook.look_round() > 0


def _keep_on(going: threading.Event, what: str, do_next: Callable[[], Then | bool]) -> None:
    """Again at once while there was something to do, else after a pause."""
    try:
        while not going.is_set():
            going.wait(_pause_after(_done(what, do_next)))
    finally:
        connection.close()


def _done(what: str, do_next: Callable[[], Then | bool]) -> Then | bool:
    try:
        return do_next()
    except Exception:
        log.exception("%s failed and will be repeated", what)
        connection.close()
        return False


def _pause_after(outcome: Then | bool) -> float:
    if outcome is Then.AWAY:
        return AWAY_SECONDS
    return 0.0 if outcome else PAUSE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
