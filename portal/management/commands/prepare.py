"""`manage.py prepare`: make everything ready for web servers and workers to start."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.models import User
from portal import first_start, startup

CANNOT_RUN = 2  # exit status


class Command(BaseCommand):
    help = (
        "Bring the database up to date and collect static files; in a new database also create the account"
        " `administrator`. Before the first start and after every upgrade; safe to repeat. `manage.py run` does it by"
        " itself."
    )
    requires_system_checks = []

    def handle(self, **options: Any) -> None:
        try:
            startup.prepare_database()
        except startup.CannotRun as refusal:
            self.stderr.write(str(refusal))
            sys.exit(CANNOT_RUN)
        startup.collect_static_files()
        if not User.objects.exists():
            first_start.load(settings.DATA_DIR, url=settings.BASE_URL, example=None)
            kept = settings.DATA_DIR / first_start.SIGN_IN
            self.stdout.write(f"Sign in as administrator with the password in {kept}; change it soon.")
        self.stdout.write("Everything is ready.")
