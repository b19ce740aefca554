"""`manage.py check_artifacts`: hash everything that is stored again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from registry import scrubbing
from registry.models import Artifact
from registry.refusals import StorageAway
from registry.storage import Stored

PROGRESS_SECONDS = 5.0
SOMETHING_WRONG = 1  # exit status


class Command(BaseCommand):
    help = (
        "Hash every stored package again, and note which are missing or were changed: those can be neither downloaded nor"
        " deployed until the same bytes are there again. Exit status 1 when something is wrong. Workers do the same by"
        " themselves, at leisure, every ARTIFACT_CHECK_DAYS."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--remove-orphans",
            action="store_true",
            help="remove what lies in the storage for more than a day and belongs to no package. With S3, while nobody pushes",
        )

    def handle(self, *, remove_orphans: bool, **options: Any) -> None:
        with _storage_in_words():
            is_well = self._check()
            self._look_for_orphans(remove=remove_orphans)
        if not is_well:
            raise SystemExit(SOMETHING_WRONG)

    def _check(self) -> bool:
        """Whether all is well."""
        artifacts = Artifact.objects.filter(removed_at=None).order_by("pk")
        total, looked, size, found, said_at = artifacts.count(), 0, 0, {"": 0}, time.monotonic()
        for artifact in artifacts.iterator(chunk_size=500):
            problem = scrubbing.check(artifact)
            found[problem] = found.get(problem, 0) + 1
            looked, size = looked + 1, size + artifact.size
            if problem:
                self.stdout.write(f"{scrubbing.named(artifact)} ({artifact.sha256}): {problem}.")
            if time.monotonic() - said_at > PROGRESS_SECONDS:
                said_at = time.monotonic()
                self.stdout.write(f"{looked} of {total} looked at, {filesizeformat(size)}.")
        well = found.pop("")
        wrong = "".join(f", {count} {problem}" for problem, count in sorted(found.items()))
        self.stdout.write(f"{looked} looked at, {filesizeformat(size)}: {well} as published{wrong}.")
        if found:
            self.stdout.write("Push the same packages again to restore what is missing or damaged.")
        return not found

    def _look_for_orphans(self, *, remove: bool) -> None:
        before = timezone.now() - scrubbing.ORPHANED_AFTER
        found = list(scrubbing.orphans(before))
        if not found:
            return
        what = f"{len(found)} that belong{'s' if len(found) == 1 else ''} to no package, {_size_of(found)}"
        if remove:
            self.stdout.write(f"Removed {scrubbing.remove_orphans(found, before)} of {what}.")
        else:
            self.stdout.write(f"There {'is' if len(found) == 1 else 'are'} {what}: --remove-orphans removes them.")


def _size_of(found: list[Stored]) -> str:
    return filesizeformat(sum(stored.size for stored in found))


@contextmanager
def _storage_in_words() -> Iterator[None]:
    try:
        yield
    except StorageAway as refusal:
        raise CommandError(str(refusal)) from refusal
