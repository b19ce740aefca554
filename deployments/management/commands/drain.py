"""`manage.py drain`: let workers finish what they have, before they are stopped or upgraded."""

import math
import time
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from deployments import presence
from deployments.models import Deployment, Worker
from deployments.presence import NoSuchWorker

LOOK_SECONDS = 0.5
EXAMPLES = """\
examples:
  manage.py drain                          list the workers, what they run, and which of them drain
  manage.py drain web1:42 --wait 600       drain the worker whose name begins so; come back when it runs nothing
  manage.py drain --host web1 --wait       every worker of this machine, however long it takes
  manage.py drain --all --undo             let all of them take what is new again
"""


class Command(BaseCommand):
    help = (
        "Drain workers: each finishes what it has, takes nothing new, and stays alive until it is stopped. It goes on to"
        " adopt scripts of its machine whose worker is gone. A worker that is started later does not drain."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        shown = {"epilog": EXAMPLES, "formatter_class": RawDescriptionHelpFormatter}
        return super().create_parser(prog_name, subcommand, **shown, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="a worker's name, or the beginning of one's")
        parser.add_argument("--host", default="", help="the workers of this machine")
        parser.add_argument("--pool", default="", help="the workers that serve this pool; with --host: those of both")
        parser.add_argument("--all", action="store_true", dest="everyone", help="every worker")
        parser.add_argument("--undo", action="store_true", help="let them take what is new again")
        parser.add_argument(
            "--wait",
            nargs="?",
            type=float,
            const=math.inf,
            metavar="SECONDS",
            help="come back when they run nothing: with 0, or with 1 when that takes longer. Behind the names",
        )

    def handle(
        self,
        *,
        names: list[str],
        host: str,
        pool: str,
        everyone: bool,
        undo: bool,
        wait: float | None,
        **options: Any,
    ) -> None:
        ways = [bool(names), bool(host or pool), everyone]
        if sum(ways) > 1:
            raise CommandError("Name workers, or say which with --host and --pool, or --all: only one of the three.")
        if undo and wait is not None:
            raise CommandError("With --undo there is nothing to wait for. Leave out one of the two.")
        if not any(ways) and (undo or wait is not None):
            raise CommandError("Say which workers: name them, or use --host, --pool or --all.")
        try:
            workers = presence.find(names, host=host, pool=pool)
        except NoSuchWorker as problem:
            raise CommandError(str(problem)) from problem
        if not any(ways):
            self._list(workers)
        elif undo:
            self._undo(workers)
        else:
            self._drain(workers)
        if wait is not None:
            self._wait(workers, wait)

    def _list(self, workers: list[Worker]) -> None:
        for worker in workers:
            running = ", ".join(map(str, presence.run_by([worker]))) or "nothing"
            self.stdout.write(f"{worker}  pools: {', '.join(worker.pools)}  {_state(worker)}  runs: {running}")
        if not workers:
            self.stdout.write("There is no worker.")

    def _drain(self, workers: list[Worker]) -> None:
        changed = presence.drain(workers, by=None)
        for worker in workers:
            count = presence.run_by([worker]).count()
            runs = f"it finishes {count} script{'' if count == 1 else 's'}" if count else "it runs nothing"
            drains = "drains" if worker in changed else "drains already"
            self.stdout.write(f"{worker} {drains}: {runs} and takes nothing new.")

    def _undo(self, workers: list[Worker]) -> None:
        changed = presence.resume(workers, by=None)
        for worker in workers:
            sentence = "drains no longer and takes what is new" if worker in changed else "did not drain"
            self.stdout.write(f"{worker} {sentence}.")

    def _wait(self, workers: list[Worker], seconds: float) -> None:
        """Until nothing runs in two looks: what was being taken as they were told shows in the second.

        Raises CommandError (exit status 1) that names what still runs when the time is over.
        """
        end, idle = time.monotonic() + seconds, 0
        while idle < 2:
            running = list(presence.run_by(workers))
            idle = 0 if running else idle + 1
            if running and time.monotonic() >= end:
                raise CommandError(_still(running, seconds))
            time.sleep(LOOK_SECONDS)
        self.stdout.write("They run nothing any more." if len(workers) > 1 else f"{workers[0]} runs nothing any more.")


def _state(worker: Worker) -> str:
    if presence.is_silent(worker):
        return f"silent since {timezone.localtime(worker.heard_at):%d %B %Y %H:%M:%S}"
    if worker.drain_requested_at:
        return f"draining since {timezone.localtime(worker.drain_requested_at):%d %B %Y %H:%M:%S}"
    return f"alive, {worker.slots} slot{'' if worker.slots == 1 else 's'}"


def _still(running: list[Deployment], seconds: float) -> str:
    what = "; ".join(f"{row} (deployment {row.pk} on {row.host})" for row in running)
    run = "script still runs" if len(running) == 1 else "scripts still run"
    return f"After {seconds:g} seconds {len(running)} {run}: {what}. They are draining all the same; ask again later."
