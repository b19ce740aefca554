"""Whether this portal can serve: each thing that it leans on is asked, side by side and for two seconds at most.

The database and the package storage decide: without them no page and no push can be answered. Room on the disk, the
broker and the sweep do not: without them pushes are refused, deployments start later or not at all, and the pages that
say so must stay reachable.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Max
from django.utils import timezone
from kombu.exceptions import KombuError, OperationalError

from deployments import presence
from deployments.models import Worker
from registry import storage
from registry.refusals import StorageAway

PATIENCE_SECONDS = 2.0
NO_ANSWER = f"No answer within {PATIENCE_SECONDS:.0f} seconds."


class Verdict(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True)
class Answer:
    """What a check came to, in a sentence that holds nothing confidential."""

    is_well: bool
    sentence: str


@dataclass(frozen=True)
class Check:
    """One thing that the portal leans on. `decides`: without it no traffic should come here."""

    name: str
    decides: bool
    ask: Callable[[], Answer]

    def verdict(self, answer: Answer) -> Verdict:
        if answer.is_well:
            return Verdict.OK
        return Verdict.FAILED if self.decides else Verdict.DEGRADED


@dataclass(frozen=True)
class Readiness:
    """Every check with its answer, and what they come to together."""

    answers: list[tuple[Check, Answer]]

    @property
    def verdict(self) -> Verdict:
        found = {check.verdict(answer) for check, answer in self.answers}
        return next((verdict for verdict in (Verdict.FAILED, Verdict.DEGRADED) if verdict in found), Verdict.OK)


def readiness() -> Readiness:
    """Ask everything at once; whatever hangs is left behind after PATIENCE_SECONDS."""
    until = time.monotonic() + PATIENCE_SECONDS
    asked = [(check, _Asked.about(check)) for check in CHECKS]
    return Readiness([(check, one.answer_by(until)) for check, one in asked])


class _Asked:
    """One check under way in a thread of its own. What hangs is waited for, not asked again: threads do not pile up."""

    _under_way: dict[str, "_Asked"] = {}
    _lock = threading.Lock()

    def __init__(self, check: Check) -> None:
        self.check = check
        self.answer = Answer(False, NO_ANSWER)
        self.thread = threading.Thread(target=self._ask, name=f"ready-{check.name}", daemon=True)

    @classmethod
    def about(cls, check: Check) -> "_Asked":
        with cls._lock:
            if check.name not in cls._under_way:
                cls._under_way[check.name] = cls(check)
                cls._under_way[check.name].thread.start()
            return cls._under_way[check.name]

    def answer_by(self, until: float) -> Answer:
        self.thread.join(max(until - time.monotonic(), 0))
        return self.answer

    def _ask(self) -> None:
        try:
            self.answer = self.check.ask()
        except Exception:  # noqa: BLE001 - a check that breaks is an answer too, and its details are not for everybody
            self.answer = Answer(False, "It could not be asked.")
        finally:
            connection.close()
            with self._lock:
                del self._under_way[self.check.name]


def _database() -> Answer:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return Answer(False, "The database cannot be reached.")
    return Answer(True, "The database answers.")


def _storage() -> Answer:
    """Try it: permissions alone do not tell, and a full disk or a lost network share shows only now."""
    try:
        return Answer(True, storage.ask())
    except OSError as error:
        return Answer(False, f"The package storage cannot be written ({error.strerror}).")
    except StorageAway:
        return Answer(False, "The package storage cannot be reached.")


def _room() -> Answer:
    """Wherever packages are stored, they are received on this machine's disk."""
    left = storage.room()
    if left <= 0:
        return Answer(False, "There is no room for packages on this machine's disk; pushes are refused.")
    return Answer(True, f"Packages of {left / 1024**3:.1f} GB find room on this machine's disk.")


def _broker() -> Answer:
    if settings.CELERY_BROKER_URL.startswith("memory"):
        return Answer(True, "There is no broker; workers find their work in the database.")
    try:
        with current_app.connection_for_write() as link:
            channel: Any = link.default_channel  # Redis's: kombu's types know only what all brokers have
            channel.client.ping()
    except (OSError, KombuError, OperationalError):
        return Answer(False, "The broker cannot be reached; workers find new deployments by looking, a little later.")
    return Answer(True, "The broker answers.")


def _sweep() -> Answer:
    try:
        swept_at = Worker.objects.aggregate(last=Max("swept_at"))["last"]
    except DatabaseError:
        return Answer(False, "Not known, because the database cannot be reached.")
    if swept_at is None:
        return Answer(False, "No worker has been heard of; deployments wait.")
    seconds = max((timezone.now() - swept_at).total_seconds(), 0)
    ago = f"{seconds:.0f} seconds ago"
    if swept_at < timezone.now() - presence.silent_after():
        return Answer(False, f"The last sweep was {ago}: no worker looks after deployments.")
    return Answer(True, f"The last sweep was {ago}.")


CHECKS = (
    Check("database", True, _database),
    Check("storage", True, _storage),
    Check("room", False, _room),
    Check("broker", False, _broker),
    Check("sweep", False, _sweep),
)
