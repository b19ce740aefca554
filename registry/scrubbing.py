"""Whether the stored bytes are still what was published: hashed again and again, and noted in the artifact's row.

A problem is over when the same bytes are pushed again, or when a later look finds them whole.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts import trail
from accounts.models import User
from config import quick
from registry import storage
from registry.models import Artifact
from registry.refusals import RegistryRefused
from registry.storage import ArtifactDamaged, ArtifactMissing, Received, StorageAway, Stored

Problem = Artifact.Problem
Pause = Callable[[float], bool]
AGAIN_AFTER = timedelta(hours=1)
"""When another worker looks that was not heard of, and when a problem is looked at again: it may have gone."""

ORPHANED_AFTER = timedelta(days=1)
"""What no row knows by then belongs to no push that is still under way."""

SHARE = 0.1  # of the time that a look at leisure may take: six seconds a minute
STRETCH = 0.05  # seconds at a time
NAMED = 5  # of those who share an artifact
TRIES = 20  # of a claim, where other workers take the same ones
WORDS = {
    Problem.MISSING: "are missing. Push the same package again to restore them.",
    Problem.DAMAGED: "were changed in the storage. Push the same package again to restore them.",
    "": "are whole again.",
}
log = logging.getLogger(__name__)


class StillBeingRemoved(RegistryRefused):
    """The same bytes were being removed while they were pushed. Nothing was published."""

    code = "storage-away"


class _Interrupted(Exception):
    """Whoever looked has to go."""


def check(artifact: Artifact, *, pause: Callable[[], object] = lambda: None) -> str:
    """Hash the stored bytes again and note what was found: a `Problem`, or nothing where they are whole.

    pause  as `storage.verify` takes it

    Raises StorageAway: then nothing is known, and nothing noted.
    """
    artifact.refresh_from_db(fields=["checked_at", "problem"])  # as it was when the look began
    found = _look(artifact.sha256, pause)
    _note(artifact, found)
    return found


def check_due(pause: Pause) -> int:
    """Look at everything whose turn it is, at leisure; how many artifacts that were. Of many workers that do so at once, one
    looks at each.

    pause  waits for so many seconds, and says whether to stop altogether
    """
    looked = 0
    try:
        while settings.ARTIFACT_CHECK_DAYS and (artifact := _claim(timezone.now())):
            if found := check(artifact, pause=_Leisure(pause)):
                log.warning("artifact %s: %s", artifact.sha256, found)
            looked += 1
    except StorageAway as refusal:
        log.warning("stored packages could not be looked at: %s", refusal)
    except _Interrupted:
        pass
    return looked


def is_due() -> bool:
    """Whether there is anything whose turn it is."""
    return settings.ARTIFACT_CHECK_DAYS > 0 and due(timezone.now()).exists()


def due(at: datetime) -> QuerySet[Artifact]:
    """Those whose turn it is at this moment (aware), the longest unseen first."""
    before = at - timedelta(days=settings.ARTIFACT_CHECK_DAYS)
    unseen = Q(checked_at__lt=before) | Q(checked_at=None, stored_at__lt=before)
    has_problem = ~Q(problem="") & Q(checked_at__lt=at - AGAIN_AFTER)
    there = Artifact.objects.filter(removed_at=None).filter(unseen | has_problem)
    return there.order_by(F("checked_at").asc(nulls_first=True), "pk")


def orphans(kept_before: datetime) -> Iterator[Stored]:
    """What lies in the storage since before this moment (aware) although no artifact is known to lie there."""
    lying = storage.digests()
    while batch := list(islice(lying, 500)):
        names = [stored.sha256 for stored in batch]
        known = set(Artifact.objects.filter(sha256__in=names, removed_at=None).values_list("sha256", flat=True))
        yield from (stored for stored in batch if stored.sha256 not in known and stored.kept_at < kept_before)


def remove_orphans(found: Iterable[Stored], kept_before: datetime) -> int:
    """Remove these, except for what was stored again meanwhile; how many were removed."""
    return sum(storage.remove(stored.sha256, kept_before=kept_before) for stored in found)


def artifact_of(received: Received, *, by: User) -> Artifact:
    """The row of bytes that have just been kept, in the transaction that makes something of them; they may have been
    known before, as another version or attachment. Raises StillBeingRemoved."""
    artifact = Artifact(sha256=received.sha256, size=received.size)
    if quick.insert_once(artifact):
        return artifact
    artifact = Artifact.objects.get(sha256=received.sha256)
    stored_again(artifact, by=by)
    return artifact


def stored_again(artifact: Artifact, *, by: User) -> None:
    """Note, in the transaction of a push, that bytes which were known before have just been kept again.

    The row stays locked until the push is over, so that nobody removes the bytes of a version that is just coming to be.
    Raises StillBeingRemoved.
    """
    usual = Artifact.objects.filter(pk=artifact.pk, problem="", removed_at=None)
    if usual.update(checked_at=timezone.now()):
        return
    row = Artifact.objects.select_for_update(no_key=True).get(pk=artifact.pk)
    if row.removed_at and not storage.holds(row.sha256):
        raise StillBeingRemoved("The same package was just being cleared away. Push it again.")
    Artifact.objects.filter(pk=row.pk).update(problem="", removed_at=None, checked_at=timezone.now())
    artifact.problem, artifact.removed_at = "", None
    if row.problem:
        _record(row, "", by)


def named(artifact: Artifact) -> str:
    """What people call these bytes: the versions, or the attachments, that they are."""
    versions, attachments = (
        artifact.versions.select_related("package"),
        artifact.attachments.select_related("version__package"),
    )
    names = [str(held) for held in [*versions.order_by("pk")[:NAMED], *attachments.order_by("pk")[:NAMED]]]
    return ", ".join(names) or f"SHA-256 {artifact}"


def _look(sha256: str, pause: Callable[[], object]) -> str:
    try:
        storage.verify(sha256, pause=pause)
    except ArtifactMissing:
        if storage.is_blank():
            raise StorageAway(
                "The package storage is empty, although packages were published. Is it mounted, and is it the right one?"
            ) from None
        return Problem.MISSING
    except ArtifactDamaged:
        return Problem.DAMAGED
    return ""


@transaction.atomic
def _note(artifact: Artifact, found: str) -> None:
    """Unless the row was written meanwhile: what was pushed again since is whole."""
    as_read = Artifact.objects.filter(pk=artifact.pk, checked_at=artifact.checked_at, problem=artifact.problem)
    if as_read.update(problem=found, checked_at=timezone.now()) and found != artifact.problem:
        _record(artifact, found, None)


def _record(artifact: Artifact, found: str, by: User | None) -> None:
    sentence = f"The stored bytes of {named(artifact)} {WORDS[found]}"
    trail.record(by, f"artifact.{found or 'healed'}", artifact, sentence, sha256=artifact.sha256)


def _claim(now: datetime) -> Artifact | None:
    """The next one whose turn it is, for this worker alone: for others it is not due before AGAIN_AFTER."""
    before = now - timedelta(days=settings.ARTIFACT_CHECK_DAYS)
    for artifact in due(now)[:TRIES]:
        mark = now if artifact.problem else before + AGAIN_AFTER
        if Artifact.objects.filter(pk=artifact.pk, checked_at=artifact.checked_at).update(checked_at=mark):
            return artifact
    return None


class _Leisure:
    """Lets a look take its SHARE of the time, however large the file, so that nobody else has to wait for the disk."""

    def __init__(self, pause: Pause) -> None:
        self._pause, self._since = pause, time.monotonic()

    def __call__(self) -> None:
        worked = time.monotonic() - self._since
        if worked < STRETCH:
            return
        if self._pause(worked * (1 / SHARE - 1)):
            raise _Interrupted
        self._since = time.monotonic()
