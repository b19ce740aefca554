"""`manage.py worker`: carry deployments out."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from portal import parts


class Command(BaseCommand):
    help = (
        "Carry out deployments until SIGTERM. For Procfiles and systemd: becomes the worker, so that signals reach it. On"
        " SIGTERM it ends at once; scripts run on, and the next worker of this machine adopts them."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--pools", metavar="NAMES", help="pools to serve, with commas between; default: WORKER_POOLS"
        )

    def handle(self, *, pools: str | None, **options: Any) -> None:
        served = [pool.strip() for pool in pools.split(",") if pool.strip()] if pools else settings.WORKER_POOLS
        connection.close()
        os.chdir(settings.BASE_DIR)
        command = parts.worker_command(served)
        os.execve(command[0], command, {**os.environ, "WORKER_POOLS": ",".join(served)})  # noqa: S606 - no shell
