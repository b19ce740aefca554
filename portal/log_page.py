"""The stretch of a log that a page shows: never more than a browser takes in at once, however long the log is."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from deployments import log
from deployments.log import LogLine
from deployments.models import Deployment
from portal import ansi

STRETCH = 1000  # lines of a log on a page of its own
IN_A_TRAIN = 200  # lines of each component's log on the page of their train
POLLED = 400  # lines that one poll brings; what lies before them is left out and linked

NOTHING_WRONG = re.compile(r"\b(?:no|0|without) (?:errors?|warnings?|exceptions?)\b", re.I)
WORDS = (
    ("err", re.compile(r"\b(?:error|fatal|critical|panic|exception|traceback)\b", re.I)),
    ("warn", re.compile(r"\b(?:warn|warning|deprecated)\b", re.I)),
)


@dataclass(frozen=True)
class Row:
    """One line as it is shown. `heading`: the step that begins with it, where there are several."""

    number: int
    at: datetime
    css: str
    html: SafeString
    heading: str


@dataclass(frozen=True)
class Stretch:
    """Consecutive rows. `total`: lines of the whole log so far; `skipped`: lines left out right before the rows."""

    rows: list[Row]
    total: int
    next: int
    ended: bool
    skipped: int = 0

    @property
    def first(self) -> int:
        """The number of the first row, 0 without rows."""
        return self.rows[0].number if self.rows else 0

    @property
    def last(self) -> int:
        return self.rows[-1].number if self.rows else 0

    @property
    def is_whole(self) -> bool:
        return len(self.rows) == self.total

    @property
    def earlier(self) -> int:
        """Where the stretch before begins; 0 when there is none."""
        return max(self.first - STRETCH, 1) if self.first > 1 else 0

    @property
    def later(self) -> int:
        """Where the stretch after begins; 0 when there is none."""
        return self.last + 1 if self.last < self.total else 0


def last_of(deployment: Deployment, most: int = STRETCH) -> Stretch:
    """The end of the log, where what matters most is."""
    total = log.line_count(deployment)
    return _stretch(deployment, max(total - most, 0), most, total)


def beginning_at(deployment: Deployment, first: int, most: int = STRETCH) -> Stretch:
    """Up to `most` lines from line number `first` on."""
    return _stretch(deployment, max(first, 1) - 1, most, log.line_count(deployment))


def after(deployment: Deployment, number: int) -> Stretch:
    """What has come since line `number`; when it is more than one poll brings, the last of it."""
    total = log.line_count(deployment)
    start = max(number, total - POLLED)
    return _stretch(deployment, start, POLLED, total, skipped=start - number)


def _stretch(deployment: Deployment, start: int, most: int, total: int, skipped: int = 0) -> Stretch:
    """`total` was counted before: what comes while it is read would otherwise look left out, and nobody would follow."""
    before = log.read(deployment, start - 1, 1).lines if start else []
    page = log.read(deployment, start, most)
    several = deployment.step_runs.count() > 1
    rows, previous = [], before[0] if before else None
    for line in page.lines:
        rows.append(_row(line, previous, several=several))
        previous = line
    return Stretch(rows, max(total, page.next), page.next, page.ended, skipped)


def _row(line: LogLine, previous: LogLine | None, *, several: bool) -> Row:
    begins = previous is None or (previous.step, previous.attempt) != (line.step, line.attempt)
    heading = f"{line.step}, attempt {line.attempt}" if several and begins else ""
    return Row(line.number, line.at, level_of(ansi.to_plain(line.text)), ansi.to_html(line.text), heading)


def level_of(text: str) -> str:
    """err, warn or nothing: what a line says of itself, by the words that it holds."""
    text = NOTHING_WRONG.sub("", text)
    return next((css for css, words in WORDS if words.search(text)), "")
