"""`manage.py remove_old_versions`: do now what the retention rules say, or look at what they would do."""

from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.template.defaultfilters import filesizeformat

from releases import retention
from releases.retention import Removal


class Command(BaseCommand):
    help = (
        "Remove the bytes of the versions that the enabled retention rules let go, and print each with the reason. The"
        " versions stay on record; the same package pushed again brings one back. Workers do the same by themselves every"
        " RETENTION_HOURS."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        words = "print what would be removed, by rules that are not enabled, too, and remove nothing"
        parser.add_argument("--dry-run", action="store_true", help=words)

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        found = retention.foresee() if dry_run else retention.apply()
        removals = [verdict for verdict in found if isinstance(verdict, Removal)]
        for removal in removals:
            disabled = "" if removal.rule.enabled else ", which is not enabled"
            self.stdout.write(f"{removal.version.name}: {removal.because}{disabled}")
        self.stdout.write(_sum(removals, dry_run=dry_run))


def _sum(removals: Sequence[Removal], *, dry_run: bool) -> str:
    if not removals:
        return "Nothing to remove."
    count = f"{len(removals)} version{'' if len(removals) == 1 else 's'}"
    space = filesizeformat(retention.freed_by(removals)).replace("\xa0", " ")
    if dry_run:
        return f"{count} would be removed and {space} freed. Nothing was removed: this was a dry run."
    return f"{count} removed and {space} freed."
