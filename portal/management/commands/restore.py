"""`manage.py restore DIR`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.backup.manifest import BackupRefused, Manifest
from portal.backup.restoring import restore


class Command(BaseCommand):
    help = (
        "Bring a backup back, into the database of DATABASE_URL and the package storage. Stop all workers and web servers"
        " first. Every checksum is looked at before anything is changed. Afterwards nothing starts by itself: what was"
        " moving when the backup was taken waits for a person."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR", help="what `manage.py backup` wrote")
        parser.add_argument(
            "--replace", action="store_true", help="also where the database holds a portal: everything in it is lost"
        )
        parser.add_argument(
            "--other-keys", action="store_true", help="also with other encryption keys: sensitive values are then lost"
        )

    def handle(self, *, directory: Path, replace: bool, other_keys: bool, **options: Any) -> None:
        try:
            aftermath = restore(directory, replace=replace, other_keys=other_keys)
        except BackupRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        if elsewhere := Manifest.read(directory).elsewhere:
            self.stdout.write(
                f"The packages were not in it: they lay in {elsewhere}. See with check_artifacts that they are there."
            )
        self.stdout.write("Restored. Everybody signs in again. What people have to look at:")
        self.stdout.write(f"  outcome unknown, were running or about to: {aftermath.unknown}")
        self.stdout.write(f"  approved but not started, need approval again: {aftermath.asked_again}")
        self.stdout.write(f"  cancelled, may be asked for again: {aftermath.cancelled}")
