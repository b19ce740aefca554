"""Which workers there are: each says of itself, again and again, that it lives and what it serves."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from deployments.models import Worker


def announce(name: str, started_at: datetime) -> None:
    """Say that this worker lives and has just looked after everything (one row per process)."""
    now = timezone.now()
    Worker.objects.update_or_create(
        name=name,
        defaults={
            "host": settings.WORKER_HOST,
            "pools": settings.WORKER_POOLS,
            "slots": settings.WORKER_SLOTS,
            "started_at": started_at,
            "heard_at": now,
            "swept_at": now,
        },
    )
    Worker.objects.filter(heard_at__lt=now - timedelta(days=Worker.FORGOTTEN_AFTER_DAYS)).delete()


def leave(name: str) -> None:
    """This worker goes away on purpose."""
    Worker.objects.filter(name=name).delete()


def is_served(pool: str) -> bool:
    """Whether some worker of this pool has been heard of lately."""
    recently = timezone.now() - timedelta(seconds=max(3 * settings.SWEEP_SECONDS, settings.LEASE_SECONDS))
    # A list of pools in JSON cannot be searched alike on every database; there are few workers.
    return any(pool in pools for pools in Worker.objects.filter(heard_at__gte=recently).values_list("pools", flat=True))
