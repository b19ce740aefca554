"""The Celery application: messages that wake workers up, nothing more."""

import os
from logging import INFO, captureWarnings, makeLogRecord
from logging.config import dictConfig
from typing import Any

from celery import Celery, bootsteps
from celery.apps import worker as worker_program
from celery.signals import celeryd_init, setup_logging
from django.conf import settings

from config import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TICK_SECONDS = 0.1

app = Celery("signalbox")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.set_default()  # the application that is merely current is so for one thread, and the web server has many


class Tick(bootsteps.StartStopStep):
    """Keep the worker's event loop turning.

    With a pool of threads and prefetching switched off, a task that ends does not wake the loop, and the next message
    is fetched up to a second later (measured: 2.2 tasks a second). Ten turns a second cost under 1 % of one core.
    """

    requires = ("celery.worker.components:Hub",)

    def start(self, parent: Any) -> None:
        if hub := getattr(parent, "hub", None):
            hub.call_repeatedly(TICK_SECONDS, _nothing)


def _nothing() -> None:
    """Turning is the purpose."""


app.steps["worker"].add(Tick)


@celeryd_init.connect(weak=False)
@setup_logging.connect(weak=False)
def _log_as_the_settings_say(**_: Any) -> None:
    """From the first moment on, since Celery warns early. Whoever answers the second signal keeps Celery from adding
    handlers and formats of its own."""
    dictConfig(settings.LOGGING)
    captureWarnings(True)


def _say(message: str, *_: Any) -> None:
    """What Celery says while it handles a signal, in the form of all other lines: written at once, because a signal
    handler must not wait for a lock of the logging."""
    said = {"name": "celery.apps.worker", "levelno": INFO, "levelname": "INFO", "msg": message.strip()}
    os.write(2, f"{logs.formatter(settings.LOG_FORMAT).format(makeLogRecord(said))}\n".encode())


worker_program.safe_say = _say  # type: ignore[attr-defined]  # celery-types does not know it
