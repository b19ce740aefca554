"""The deployment log: masked output stored in chunks while a script runs, and read back as lines.

The script writes into a file of its own and is never slowed down by us; the worker reads that file behind it. Measured
against rows per line and against a pipe, this costs the least on both databases.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Max

from config import quick
from deployments.masking import Masker
from deployments.models import Deployment, LogChunk, StepRun

CHUNK = 64 * 1024  # characters of a row
FLUSH_BYTES = 256 * 1024
FLUSH_SECONDS = 0.5
LONGEST_LINE = 10_000  # characters shown of one line; the plain text holds all of it


class Writer:
    """Stores what a step prints. One per run that is followed; a successor goes on where the last chunk ended."""

    def __init__(self, step_run: StepRun, secrets: Iterable[str], *, is_first: bool = False) -> None:
        """is_first: nothing of this deployment's output has been stored so far, so that nothing needs to be looked for"""
        last = None if is_first else step_run.chunks.order_by("-sequence").first()
        self.step_run = step_run
        self.raw_end = last.raw_end if last else 0
        """Bytes of the script's output that are stored."""
        self.taken = self.raw_end
        """Bytes of the script's output that were taken."""
        self._sequence = last.sequence + 1 if last else 0
        self._line = last.first_line + last.text.count("\n") if last else 0
        self._masker = Masker(secrets)
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._pending_raw_end = self.raw_end
        self._flushed_at = time.monotonic()
        self._room = settings.LOG_MAX_BYTES - (0 if is_first else _raw_bytes(step_run.deployment_id))

    def say(self, sentence: str) -> None:
        """Put in a line of our own."""
        self._pending.append(f"{sentence}\n".encode())
        self.flush()

    def take(self, data: bytes, *, last: bool = False) -> None:
        """Take the script's next bytes; `last` hands out what was held back for masking."""
        masked, used = self._masker.feed(data, last=last)
        self.taken += len(data)
        self._pending_raw_end += used
        if masked:
            self._pending.append(masked)
            self._pending_bytes += len(masked)

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached, so that nothing more will be kept."""
        return bool(self._room < 0)

    @property
    def is_due(self) -> bool:
        late = time.monotonic() - self._flushed_at >= FLUSH_SECONDS
        return bool(self._pending) and (late or self._pending_bytes >= FLUSH_BYTES)

    def flush(self) -> None:
        """Store what is pending. Nothing is forgotten when the database fails: call it again.

        Raises IntegrityError when another owner has written this chunk already: then this writer is a zombie.
        """
        self._flushed_at = time.monotonic()
        if not self._pending:
            return
        text = b"".join(self._pending).decode("utf-8", "replace").replace("\0", "\u2400")
        room, text = self._room, self._within_limit(text)
        rows: list[LogChunk] = []
        line = self._line
        for start in range(0, len(text), CHUNK):
            piece = text[start : start + CHUNK]
            rows.append(
                LogChunk(
                    step_run=self.step_run,
                    sequence=self._sequence + len(rows),
                    first_line=line,
                    raw_end=self._pending_raw_end,
                    text=piece,
                )
            )
            line += piece.count("\n")
        try:
            if len(rows) == 1:
                quick.insert(rows[0])
            else:
                LogChunk.objects.bulk_create(rows)  # all or none
        except BaseException:
            self._room = room
            raise
        self._sequence += len(rows)
        self._line, self.raw_end = line, self._pending_raw_end
        self._pending, self._pending_bytes = [], 0

    def _within_limit(self, text: str) -> str:
        """What the limit of a deployment's log leaves room for, with a mark where it was cut.

        Counted in what the script printed, so that a successor comes to the same.
        """
        if self._room < 0:
            return ""
        self._room -= self._pending_raw_end - self.raw_end
        if self._room >= 0:
            return text
        mark = f"\n… The log is longer than {settings.LOG_MAX_BYTES:,} bytes. What follows was not kept.\n"
        return text[: self._room] + mark


def _raw_bytes(deployment: int) -> int:
    """How much the deployment's scripts have printed so far, as far as it is stored."""
    ends = (
        StepRun.objects.filter(deployment=deployment).annotate(end=Max("chunks__raw_end")).values_list("end", flat=True)
    )
    return sum(end or 0 for end in ends)


@dataclass(frozen=True)
class LogLine:
    """One line: its number in the whole deployment from 1, when it was stored, and its text with ANSI codes."""

    number: int
    at: datetime
    text: str
    step: str
    attempt: int


@dataclass(frozen=True)
class LogPage:
    """A stretch of the log. `next` is what to ask for after it; `ended`: nothing will follow."""

    lines: list[LogLine]
    next: int
    ended: bool


def read(deployment: Deployment, after: int = 0, limit: int = 2000) -> LogPage:
    """Up to `limit` lines that follow line number `after` (0: from the start).

    A line that the script has not finished yet is held back as long as the deployment runs.
    """
    lines: list[LogLine] = []
    before = 0  # lines of the step runs before this one
    for run, is_open in _runs(deployment):
        total = _line_count(run, is_open=is_open)
        if before + total > after and len(lines) < limit:
            lines += _lines(run, before, after, before + total, limit - len(lines))
        before += total
    reached = lines[-1].number if lines else after
    return LogPage(lines, reached, ended=deployment.is_final and reached >= before)


def line_count(deployment: Deployment) -> int:
    """How many lines `read` would give so far."""
    return sum(_line_count(run, is_open=is_open) for run, is_open in _runs(deployment))


def text_of(deployment: Deployment) -> Iterator[str]:
    """The whole log as plain text, piece by piece; a train's is its components' logs, one after the other.

    Every step run begins on a line of its own.
    """
    for child in deployment.children.with_names().order_by("stage", "pk"):
        yield f"==== {child.release}: {child.get_status_display()}\n"
        yield from text_of(child)
        yield "\n"
    chunks = LogChunk.objects.filter(step_run__deployment=deployment)
    ordered = chunks.order_by("step_run__attempt", "step_run__position", "sequence")
    before, ends_line = None, True
    for step_run, text in ordered.values_list("step_run", "text").iterator(chunk_size=20):
        yield text if ends_line or step_run == before else f"\n{text}"
        before, ends_line = step_run, text.endswith("\n")


def _runs(deployment: Deployment) -> list[tuple[StepRun, bool]]:
    """The step runs in order, and whether more may still be added to each: only to the last."""
    runs = list(deployment.step_runs.order_by("attempt", "position"))
    return [(run, run is runs[-1] and run.finished_at is None and not deployment.is_final) for run in runs]


def _line_count(run: StepRun, *, is_open: bool) -> int:
    """Complete lines of this run; an unfinished last one counts once the run is over."""
    last = run.chunks.order_by("-sequence").first()
    if last is None:
        return 0
    complete = last.first_line + last.text.count("\n")
    return complete if is_open or last.text.endswith("\n") else complete + 1


def _lines(run: StepRun, before: int, after: int, until: int, limit: int) -> list[LogLine]:
    """The lines of this run numbered after `after` up to `until`, at most `limit` of them."""
    first = max(after - before, 0)  # 0-based within the run
    start = run.chunks.filter(first_line__lte=first).order_by("-first_line", "sequence").first()
    start_sequence = _start_of_line(run, first, start)
    lines: list[LogLine] = []
    pieces: list[str] = []  # of the line that is not complete yet, which may go through many chunks
    number = None
    for chunk in run.chunks.filter(sequence__gte=start_sequence).order_by("sequence").iterator(chunk_size=20):
        if number is None:
            number = before + chunk.first_line
        end, *others = chunk.text.split("\n")
        pieces.append(end)
        for text in others:
            number += 1
            if number > after:
                lines.append(_line(number, chunk.at, "".join(pieces), run))
            if len(lines) >= limit or number >= until:
                return lines
            pieces = [text]
    rest = "".join(pieces)
    if rest and number is not None and number < until:
        lines.append(_line(number + 1, run.finished_at or run.started_at, rest, run))
    return lines


def _start_of_line(run: StepRun, line: int, start: LogChunk | None) -> int:
    """The sequence of a chunk in which (0-based) `line` begins, or one before it."""
    if start is None:
        return 0
    if start.first_line < line:
        return start.sequence
    earlier = run.chunks.filter(first_line__lt=line).order_by("-sequence").first()
    return earlier.sequence if earlier else 0


def _line(number: int, at: datetime, text: str, run: StepRun) -> LogLine:
    text = text.removesuffix("\r")
    if len(text) > LONGEST_LINE:
        text = f"{text[:LONGEST_LINE]} … ({len(text) - LONGEST_LINE:,} more characters; the raw log has them)"
    return LogLine(number, at, text, run.name, run.attempt)
