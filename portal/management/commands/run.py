import logging
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal import supervisor
from portal.startup import CannotRun

log = logging.getLogger(__name__)
CANNOT_RUN = 2  # exit status
HELP = """\
Start Signalbox: broker, web server and worker under one supervisor, and on the first start the Patient Portal example.

Everything is kept in DATA_DIR. Settings come from the environment or from .env, and .env.example explains each:
    PORT=9000 manage.py run
    DATA_DIR=/srv/signalbox EXAMPLE=no manage.py run

Ctrl-C stops all parts in order; scripts that are deploying run on, and the next start adopts them. A second Ctrl-C
does not wait. What a part prints is in DATA_DIR/logs/. The exit status is 2 when a setting is wrong or something is in
the way, and one sentence says what.
"""


class Command(BaseCommand):
    help = HELP
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """It takes none of its own: what differs between installations is a setting."""

    def handle(self, **options: Any) -> None:
        try:
            supervisor.run(self._say)
        except CannotRun as refusal:
            self._complain(str(refusal))
            sys.exit(CANNOT_RUN)
        except KeyboardInterrupt:
            self._say("Stopped before it had started.")

    def _complain(self, sentence: str) -> None:
        if settings.LOG_FORMAT == "json":
            log.error(sentence)
        else:
            self.stderr.write(sentence)

    def _say(self, line: str) -> None:
        if settings.LOG_FORMAT == "json":
            log.info(line)
            return
        self.stdout.write(line)
        self.stdout.flush()
