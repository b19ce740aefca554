"""`manage.py apply FILE`: configuration as code."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from releases.applying import apply
from releases.blueprint import BlueprintRefused, read


class Command(BaseCommand):
    help = (
        "Bring environments, lifecycles, processes, projects, variables, approval rules, groups, grants and retention"
        " rules to what a YAML file says, and print every change. Applying the same file again changes nothing. ${NAME}"
        " in the file is taken from the environment. What the file does not name is left alone and never deleted; lists"
        " that it gives (packages, steps, phases, who may approve) are brought to exactly what it says. All or nothing:"
        " if anything is wrong, nothing is written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="for example examples/patient_portal/stack.yaml")
        parser.add_argument(
            "--dry-run", action="store_true", help="check everything and print the changes, write nothing"
        )

    def handle(self, *, file: Path, dry_run: bool, **options: Any) -> None:
        try:
            changes = apply(read(_text_of(file), os.environ), by=None, dry_run=dry_run)
        except BlueprintRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        for change in changes:
            self.stdout.write(str(change))
        count = f"{len(changes)} change{'' if len(changes) == 1 else 's'}" if changes else "Nothing to change"
        self.stdout.write(f"{count}.{' Nothing was written: this was a dry run.' if dry_run else ''}")


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}. State the path of a YAML file.") from error
