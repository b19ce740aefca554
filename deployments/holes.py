"""Give disk space back from the beginning of a file that somebody else goes on writing (Linux)."""

import ctypes
import errno
import os
from functools import cache
from pathlib import Path
from typing import Any

KEEP_SIZE, PUNCH_HOLE = 0x01, 0x02


def punch(path: Path, up_to: int) -> None:
    """Make the first `up_to` bytes a hole: the file keeps its size, and every other byte its place.

    Raises OSError where there is no such file, and where the system or the file system knows no holes.
    """
    fallocate = _fallocate()
    if fallocate is None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if fallocate(descriptor, KEEP_SIZE | PUNCH_HOLE, 0, up_to):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


@cache
def _fallocate() -> Any:
    """The C library's function; None where there is none. Python's own posix_fallocate knows no holes."""
    library = ctypes.CDLL(None, use_errno=True)
    function = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if function is not None:
        function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return function
