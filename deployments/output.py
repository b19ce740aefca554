"""Read what a script prints while it goes on printing into the same file.

Scripts that write `> /dev/stderr` instead of `>&2` open that file anew and thereby empty it. What had not been read by
then is lost, and nothing that comes after it.
"""

import io
import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)
MARK = 64  # bytes before the position, by which an emptied file is told although it has grown again
BLOCK = 4096


class Output(io.FileIO):
    """The output of the run in this directory, read on from a position. Positions count everything that was ever read,
    whether it still is in the file or not. Raises FileNotFoundError when nothing has been printed yet."""

    def __init__(self, run: Path, position: int) -> None:
        super().__init__(run / "out")
        self.emptied = False
        """Whether the script has emptied the file while it was read here."""
        self._run = run
        self._at = max(position - dropped(run), 0)  # in the file as it is
        self._mark = os.pread(self.fileno(), MARK, max(self._at - MARK, 0))[: self._at]
        if len(self._mark) < min(MARK, self._at):
            self._begin_again()

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes, or all that is there; nothing when nothing has been printed meanwhile."""
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size
        found = self._read_with_mark(size)
        if not found.startswith(self._mark):
            self._begin_again()
            found = self._read_with_mark(size)
        data = found[len(self._mark) :]
        self._at += len(data)
        self._mark = data[-MARK:] if len(data) >= MARK else found[-MARK:]
        return data

    def _read_with_mark(self, size: int) -> bytes:
        return os.pread(self.fileno(), len(self._mark) + size, self._at - len(self._mark))

    def _begin_again(self) -> None:
        """The file was emptied: what is in it now comes right behind what was read."""
        self.emptied = True
        total, draft = dropped(self._run) + self._at, self._run / "dropped.new"
        try:
            draft.write_text(f"{total}\n")
            draft.replace(self._run / "dropped")
        except OSError as error:
            log.warning("a successor will not know that the output in %s was emptied: %s", self._run, error)
        self._at, self._mark = 0, b""


def dropped(run: Path) -> int:
    """How much of what was read is not in the file any more, because the script has emptied it."""
    try:
        return int((run / "dropped").read_text())
    except FileNotFoundError:
        return 0


def blocks_before(run: Path, position: int) -> int:
    """How many bytes of the file may be forgotten when everything before `position` may: whole blocks, and not the mark
    by which an emptied file is told."""
    return max(position - dropped(run) - MARK, 0) // BLOCK * BLOCK
