"""Makes every Celery worker process of this project a worker in our sense: with a name, a sweep and a clean leave."""

import threading
from typing import Any

from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from django.apps import AppConfig


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


def _go(**_: Any) -> None:
    """Scripts run on and are adopted; only this process stops following them."""
    from deployments import holding  # noqa: PLC0415

    holding.this_worker().going.set()


def _leave(**_: Any) -> None:
    from deployments import holding, presence  # noqa: PLC0415

    presence.leave(holding.this_worker().name)
