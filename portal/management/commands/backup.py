"""`manage.py backup DIR`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.backup.manifest import BackupRefused
from portal.backup.taking import back_up


class Command(BaseCommand):
    help = (
        "Back up the database and the packages to the new directory DIR, while everything runs. It appears under that name"
        " when it is complete. It holds what every project holds: keep it private."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR", help="must not exist, for example one with the date")
        parser.add_argument(
            "--with-keys",
            action="store_true",
            help="put the encryption keys beside it (mode 0600): without them sensitive values cannot be read any more,"
            " and whoever gets both reads them all",
        )
        parser.add_argument(
            "--with-packages",
            action="store_true",
            help="copy the packages also where they lie in a bucket (PACKAGES_STORAGE=s3); otherwise the bucket has to be"
            " backed up by its own means",
        )
        parser.add_argument(
            "--link",
            action="store_true",
            help="hard links instead of copies of the packages: quick and small, but no protection from a broken disk",
        )
        parser.add_argument("--past-damage", action="store_true", help="leave out packages that are damaged already")

    def handle(
        self, *, directory: Path, with_keys: bool, with_packages: bool, link: bool, past_damage: bool, **options: Any
    ) -> None:
        try:
            manifest = back_up(
                directory, with_keys=with_keys, with_packages=with_packages, by_link=link, past_damage=past_damage
            )
        except BackupRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        rows, packages = sum(manifest.counts.values()), len(manifest.packages)
        self.stdout.write(f"{directory}: {rows} rows and {packages} packages as of {manifest.taken_at}.")
        if manifest.elsewhere:
            self.stdout.write(
                f"The packages lie in {manifest.elsewhere} and are not in it. Back that bucket up by its own means (versions,"
                " a replica), or say --with-packages."
            )
        if manifest.damaged:
            self.stdout.write(f"Left out because they are damaged: {', '.join(manifest.damaged)}.")
        if not with_keys:
            self.stdout.write("The encryption keys are not in it. Keep them elsewhere, or say --with-keys.")
