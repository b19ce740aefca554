"""Waiting for a deployment inside a request. Each waiter holds a thread of the web server, so there may be only few."""

import threading
import time

from deployments.models import Deployment

MOST_SECONDS = 60
MOST_WAITING = 4
LOOK_EVERY_SECONDS = 0.3

_places = threading.BoundedSemaphore(MOST_WAITING)


def wait_for_change(deployment: Deployment, *, seconds: float) -> None:
    """Return when the status is no longer the one given, after `seconds` at the latest, or at once when the house is full."""
    if not _places.acquire(blocking=False):
        return
    try:
        until = time.monotonic() + min(seconds, MOST_SECONDS)
        unchanged = Deployment.objects.filter(pk=deployment.pk, status=deployment.status)
        while unchanged.exists() and (left := until - time.monotonic()) > 0:
            time.sleep(min(LOOK_EVERY_SECONDS, left))
    finally:
        _places.release()
