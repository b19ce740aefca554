"""The doorbell: tells a worker to look at a row. It may be lost, late or doubled; the row is the truth."""

import logging
import threading
import time
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from config import quick
from deployments.models import Deployment

log = logging.getLogger(__name__)
CARRY_OUT = "deployments.tasks.carry_out"
PAUSE_SECONDS = 10.0  # a broker that fails is left alone this long: one that hangs costs its time limit with every try
_listening = False
_reader: Any = None  # Celery's consumer of messages, in a worker that has begun to read them
_put_by: list[str] | None = None  # the queues that a worker which pauses will read again
_silent_until = 0.0
_thread = threading.local()


def listen(reader: Any = None) -> None:
    """Called by a worker as it starts: it hears its own doorbell even where there is no broker.

    reader  Celery's consumer, as soon as there is one
    """
    global _listening, _reader
    _listening, _reader = True, reader


def pause() -> None:
    """This worker takes nothing new: leave the messages to those who do. Safe to call again, and from any thread."""
    global _put_by  # noqa: PLW0603
    if _put_by is None:
        _put_by = list(_reader.app.amqp.queues.consume_from) if _reader else []
        for queue in _put_by:
            _reader.call_soon(_put_down, queue)


def resume() -> None:
    """Listen again after a pause."""
    global _put_by
    queues, _put_by = _put_by or [], None
    for queue in queues:
        _reader.call_soon(_pick_up, queue)


def _put_down(queue: str) -> None:
    """In the reader's own thread. While it has lost its broker it only takes note, for when it is back."""
    if _reader.task_consumer is not None:
        _reader.cancel_task_queue(queue)
    else:
        _reader.app.amqp.queues.deselect(queue)


def _pick_up(queue: str) -> None:
    if _reader.task_consumer is not None:
        _reader.add_task_queue(queue)
    else:
        queues = _reader.app.amqp.queues
        queues.select_add(queues[queue])


def is_heard() -> bool:
    """Whether ringing reaches anybody. Without a broker only workers ring, and hear, themselves."""
    return not _is_our_own() or (_listening and _put_by is None)


def _is_our_own() -> bool:
    return settings.CELERY_BROKER_URL.startswith("memory")


def ring(deployment: Deployment) -> None:
    """Once the transaction has committed, wake a worker of the environment's pool.

    A broker that is down neither delays nor fails the caller: the sweep of any worker rings again.
    """
    if not is_heard():
        return
    pk = deployment.pk
    quick.update(Deployment, {"id": pk}, rung_at=timezone.now(), rung_count=1)
    _to_ring()[pk] = queue_of(deployment.environment.worker_pool)
    transaction.on_commit(lambda: _ring_now(pk))


def answered(pk: int) -> None:
    """Whoever rings in the transaction that is open takes the row itself, so that nobody else needs to be woken."""
    _to_ring().pop(pk, None)


def _to_ring() -> dict[int, str]:
    """For whom this thread rings when its transaction commits, and where."""
    if not hasattr(_thread, "to_ring"):
        _thread.to_ring = {}
    to_ring: dict[int, str] = _thread.to_ring
    return to_ring


def _ring_now(pk: int) -> None:
    if queue := _to_ring().pop(pk, ""):
        send(pk, queue)


def send(pk: int, queue: str) -> bool:
    """Publish one message now; whether that went well. Where it did not, the sweep rings again."""
    global _silent_until  # noqa: PLW0603 - one process, one broker
    if time.monotonic() < _silent_until or (_is_our_own() and _put_by is not None):
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
