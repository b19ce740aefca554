"""Clear directories away beside everything else: a slot never waits for the removal of a package's files.

What is to go is renamed first, which is quick and leaves no moment at which half of it could be taken for a run. What
a worker does not get to before it ends is cleared away by the next one.
"""

import contextlib
import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue

log = logging.getLogger(__name__)
BACKLOG = 256  # with more to do than this, whoever brings something removes it itself

_tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
_starting = threading.Lock()
_thread: threading.Thread | None = None


def discard(path: Path, bin: Path) -> None:
    """Move the directory `path` into `bin`, a directory on the same disk, at once, and remove it soon."""
    if moved := _moved(path, bin / f"{path.name}.{uuid.uuid4().hex}"):
        _soon(partial(_remove, moved))


def empty(bin: Path) -> None:
    """Remove soon what an earlier worker did not get to."""
    for path in _entries(bin):
        _soon(partial(_remove, path))


def keep(path: Path, kept: Path) -> None:
    """Move the directory `path` into `kept` as its newest, readable by this account only."""
    with contextlib.suppress(FileNotFoundError):
        path.chmod(0o700)
        now = time.time_ns()  # the kernel's own idea of now is coarse: two would be of the same age
        os.utime(path, ns=(now, now))
        _moved(path, kept / path.name)


def trim(kept: Path, bin: Path, *, most: int, most_bytes: int) -> None:
    """Leave the newest of `kept`, soon: not more than `most`, and together not more than `most_bytes` on disk."""
    _soon(partial(_trim, kept, bin, most, most_bytes))


def newest_first(kept: Path) -> list[Path]:
    found = []
    for path in _entries(kept):
        with contextlib.suppress(FileNotFoundError):  # another worker has trimmed it
            found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)]


def _moved(path: Path, to: Path) -> Path | None:
    """Where it is now; None when it was not there, or could not be moved."""
    for _ in range(2):
        try:
            return path.rename(to)
        except FileNotFoundError:
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            log.warning("%s cannot be cleared away: %s", path, error)
            return None
    return None


def _trim(kept: Path, bin: Path, most: int, most_bytes: int) -> None:
    count = size = 0
    for path in newest_first(kept):
        bytes_here = _bytes_on_disk(path)
        if count < most and size + bytes_here <= most_bytes:
            count, size = count + 1, size + bytes_here
        else:
            discard(path, bin)


def _bytes_on_disk(path: Path) -> int:
    blocks = 0
    for _, directories, files, descriptor in os.fwalk(path):
        for name in (*directories, *files):
            with contextlib.suppress(FileNotFoundError):
                blocks += os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_blocks
    return blocks * 512


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():  # a script may have made directories of its own read-only
        for directory, directories, _ in os.walk(path):
            for name in directories:
                inner = Path(directory, name)
                if not inner.is_symlink():
                    inner.chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except FileNotFoundError:
        return []


# -- the thread -------------------------------------------------------------------------------------------------------


def _soon(task: Callable[[], None]) -> None:
    if _tasks.qsize() >= BACKLOG:
        task()
        return
    _tasks.put(task)
    _make_sure_that_somebody_works()


def _make_sure_that_somebody_works() -> None:
    """Also in a process that was forked from one with a janitor: threads do not come along."""
    global _thread  # noqa: PLW0603 - one process, one janitor
    if _thread is not None and _thread.is_alive():
        return
    with _starting:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_work, name="janitor", daemon=True)
            _thread.start()


def _work() -> None:
    while True:
        task = _tasks.get()
        try:
            task()
        except Exception:
            log.exception("something could not be cleared away; the next sweep tries again")
