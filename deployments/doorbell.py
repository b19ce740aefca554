"""The doorbell: tells a worker to look at a row. It may be lost, late or doubled; the row is the truth."""

import logging
import time

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from deployments.models import Deployment

log = logging.getLogger(__name__)
CARRY_OUT = "deployments.tasks.carry_out"
PAUSE_SECONDS = 10.0  # a broker that fails is left alone this long: one that hangs costs its time limit with every try
_listening = False
_silent_until = 0.0


def listen() -> None:
    """Called by a worker as it starts: it hears its own doorbell even where there is no broker."""
    global _listening  # noqa: PLW0603 - one process, one answer
    _listening = True


def is_heard() -> bool:
    """Whether ringing reaches anybody. Without a broker only workers ring, and hear, themselves."""
    return _listening or not settings.CELERY_BROKER_URL.startswith("memory")


def ring(deployment: Deployment) -> None:
    """Once the transaction has committed, wake a worker of the environment's pool.

    A broker that is down neither delays nor fails the caller: the sweep of any worker rings again.
    """
    if not is_heard():
        return
    Deployment.objects.filter(pk=deployment.pk).update(rung_at=timezone.now(), rung_count=1)
    pk, queue = deployment.pk, queue_of(deployment.environment.worker_pool)
    transaction.on_commit(lambda: send(pk, queue))


def send(pk: int, queue: str) -> bool:
    """Publish one message now; whether that went well. Where it did not, the sweep rings again."""
    global _silent_until  # noqa: PLW0603 - one process, one broker
    if time.monotonic() < _silent_until:
        return False
    try:
        current_app.send_task(CARRY_OUT, args=(pk,), queue=queue, retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the broker, the row is safe
        _silent_until = time.monotonic() + PAUSE_SECONDS
        log.warning("nobody heard the doorbell for deployment %s, the sweep will ring again: %r", pk, error)
        return False
    return True


def queue_of(pool: str) -> str:
    return f"pool.{pool}"
