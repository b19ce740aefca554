"""`manage.py web`: serve pages and API."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from portal import parts


class Command(BaseCommand):
    help = (
        "Serve pages and API on HOST and PORT until SIGTERM. For Procfiles and systemd: becomes the web server, so that"
        " signals reach it. The database must be up to date and static files collected: `manage.py prepare`."
    )
    requires_system_checks = []

    def handle(self, **options: Any) -> None:
        connection.close()
        os.chdir(settings.BASE_DIR)
        command = parts.web_command()
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted
