"""One thing after the other in a thread beside the caller, who goes on meanwhile. For work that lets other threads run:
hashing, and waiting for the disk."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self


class Beside:
    """A thread for a while: `with Beside("name", depth=16) as beside`. When the block ends, everything is done.

    depth  how many things may wait; whoever brings more waits, too, so that memory stays bounded
    """

    def __init__(self, name: str, *, depth: int) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._depth = depth
        self._under_way: deque[Future[Any]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=error is not None)

    @property
    def is_idle(self) -> bool:
        return all(one.done() for one in self._under_way)

    def do(self, work: Callable[..., object], *arguments: object) -> None:
        """Have it done, after everything that was asked for before. Raises what an earlier one has raised."""
        while self._under_way and (len(self._under_way) >= self._depth or self._under_way[0].done()):
            self._under_way.popleft().result()
        self._under_way.append(self._pool.submit(work, *arguments))

    def finish(self) -> None:
        """Wait until everything is done. Raises what one of them has raised."""
        while self._under_way:
            self._under_way.popleft().result()
