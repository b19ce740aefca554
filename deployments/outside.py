"""Asks the outside stores, and makes of what is new there what a push would have made of it.

Every worker looks round with its sweep, in a thread of its own, since a store may take its time; of many workers exactly
one asks for the same package. A crash midway only means that it is asked again.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from accounts import system
from config.encryption import CannotDecrypt
from deployments import actions
from deployments.models import WAITING, Deployment
from registry import feeds, outside
from registry.feeds import FeedFailed, Listed
from registry.models import Listing, Package
from releases import actions as releases
from releases import needs

log = logging.getLogger(__name__)
HURRY_SECONDS = 30  # what a waiting deployment needs is asked for this often
WATCH_SECONDS = 60  # between two looks at what is configured
WAITING_AT_ONCE = 100


class Watch:
    """What one worker remembers from one round to the next."""

    def __init__(self, then: Callable[[], None]) -> None:
        """then: what is due once something has been looked up"""
        self._then = then
        self._thread: threading.Thread | None = None
        self._watched_at = self._hurried_at = float("-inf")

    def look_round(self) -> None:
        """Start a round, unless the last one is still under way."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._round, name="outside", daemon=True)
            self._thread.start()

    def _round(self) -> None:
        try:
            self.once()
        except Exception as error:  # noqa: BLE001 - the next round repeats it
            log.warning("a look round the outside stores failed and will be repeated: %r", error)
        finally:
            connection.close()

    def once(self) -> None:
        """One round: see what is to be looked up, and look up what is due."""
        now = time.monotonic()
        if now - self._watched_at > WATCH_SECONDS:
            needs.watch_all()
            self._watched_at = now
        if now - self._hurried_at > HURRY_SECONDS:
            hurry()
            self._hurried_at = now
        if look_up_what_is_due():
            self._then()


def hurry() -> None:
    """Let the stores be asked soon for what a waiting deployment still needs."""
    waiting = Deployment.objects.tops().filter(status__in=WAITING).select_related("release__project").order_by("-pk")
    missing = [
        need.package
        for deployment in waiting[:WAITING_AT_ONCE]
        for need in needs.needs_of(deployment.release)
        if need.package and not need.is_met
    ]
    if missing:
        outside.ask_soon(missing, unless_since=timezone.now() - timedelta(seconds=HURRY_SECONDS))


def look_up_what_is_due() -> int:
    """Ask for every package whose turn it is; how many that were. One that fails does not keep the others waiting."""
    looked_up = 0
    for listing in outside.due(timezone.now()):
        if outside.claim(listing, timezone.now()):
            looked_up += 1
            try:
                look_up(listing)
            except Exception:
                log.exception("the look at %s failed and will be repeated", listing)
    return looked_up


def look_up(listing: Listing) -> None:
    """Ask the store for one package, and make of what is new what a push would have made of it."""
    package = listing.package
    answer = outside.ask(listing)
    if releases.is_watched(package):
        for listed in answer.new or _first(package):
            actions.take_notice(package, listed, by=system.account())
    outside.keep(listing, answer)
    if not answer.failure:
        needs.resolve(Package.objects.select_related("feed", "listing").get(pk=package.pk), _digest_of)


def _first(package: Package) -> list[Listed]:
    """What is to be noted of a package that was looked up already when something began to watch it."""
    newest = None if package.versions.exists() else outside.newest(package)
    return [newest] if newest else []


def _digest_of(package: Package, listed: Listed) -> str | None:
    """What the store says now; None where it cannot be asked, so that it is tried again the next time."""
    try:
        return feeds.digest_of(package.feed.kind, outside.access_to(package.feed), package.name, listed.version)
    except (FeedFailed, CannotDecrypt) as failure:
        log.info("the digest of %s %s is not known: %s", package, listed.version, failure)
        return None
