"""Makes every Celery worker process of this project a worker in our sense: with a name, a sweep and a clean leave."""

import threading
from collections.abc import Callable
from typing import Any

from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import import_string


class Deployments(AppConfig):
    name = "deployments"

    def ready(self) -> None:
        worker_init.connect(_become, weak=False)
        worker_ready.connect(_look_after_everything, weak=False)
        worker_shutting_down.connect(_go, weak=False)
        worker_shutdown.connect(_leave, weak=False)


def _become(**_: Any) -> None:
    from deployments import doorbell, holding  # noqa: PLC0415 - models are not loaded yet when this module is

    doorbell.listen()
    holding.this_worker()


def _look_after_everything(sender: Any = None, **_: Any) -> None:
    from deployments import doorbell  # noqa: PLC0415
    from deployments.sweep import Sweep  # noqa: PLC0415

    doorbell.listen(sender)
    threading.Thread(target=Sweep().forever, name="sweep", daemon=True).start()
    for name in settings.WORKER_DUTIES:
        threading.Thread(target=_attend_to, args=(name,), name=name, daemon=True).start()


def _attend_to(name: str) -> None:
    from deployments import holding  # noqa: PLC0415

    attend: Callable[[threading.Event], None] = import_string(name)
    attend(holding.this_worker().going)


def _go(**_: Any) -> None:
    """Scripts run on and are adopted; only this process stops following them."""
    from deployments import holding  # noqa: PLC0415

    holding.this_worker().going.set()


def _leave(**_: Any) -> None:
    from deployments import holding, presence  # noqa: PLC0415

    presence.leave(holding.this_worker().name)
