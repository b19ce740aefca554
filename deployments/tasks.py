"""Doorbells. The row is the truth; a message only says: look at this row now."""

from celery import Task, shared_task
from django.db import close_old_connections

from deployments import runner


@shared_task(bind=True, max_retries=0)
def carry_out(self: Task, pk: int) -> None:
    """Carry out one deployment if it still waits, then whatever else waits in the pool that the message came through.

    Safe to deliver late, twice or not at all.
    """
    close_old_connections()  # this thread's may have broken since its last message
    queue = (self.request.delivery_info or {}).get("routing_key") or "pool.default"
    runner.work(pk, queue.removeprefix("pool."))
