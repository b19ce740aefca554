"""One load on all registries and on the floor, in turn, round by round. Needs Django to be set up, as
`bench.installation` does."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from bench import payloads, writing
from bench.contenders import FLOOR, Act, Contender, Load, Score
from bench.installation import memory_of, used_by
from bench.payloads import Payload
from bench.speaking import Refused
from portal.children import Child

LOOK_EVERY = 0.05  # seconds, at the memory of a server
FAILURES = (Refused, OSError, HTTPException)


def scores_of(load: Load, contenders: Sequence[Contender], rounds: int, home: Path) -> dict[str, Score]:
    """The scores by name of contender; the floor's under `FLOOR`, pushes alone. Whoever fails is out of this load."""
    scores = {name: Score() for name in (FLOOR, *(contender.name for contender in contenders))}
    for number in range(1, rounds + 1):
        everything = load.make(FLOOR, number)
        flat = [payload for those in zip(*everything, strict=True) for payload in those]
        _settle()
        scores[FLOOR].pushes.append(writing.seconds_for(home / "floor", flat, load.clients) / len(flat))
        for contender in contenders if number % 2 else reversed(contenders):
            score = scores[contender.name]
            if score.failure is None:
                try:
                    _turn(load, contender, load.make(contender.name, number), score)
                except FAILURES as failure:
                    score.failure = failure
    return scores


def warm_up(contenders: Sequence[Contender]) -> dict[str, Exception]:
    """What a server does once only is done before the clock starts; who failed at it, and how."""
    failures = {}
    for contender in contenders:
        several = payloads.small(f"warm-{contender.name}", 1, 10, 20_000)
        try:
            _seconds(contender, contender.before, [several[:1]])
            _seconds(contender, contender.push, [several])
            _seconds(contender, contender.fetch, [several])
        except FAILURES as failure:
            failures[contender.name] = failure
    return failures


def _turn(load: Load, contender: Contender, several: list[list[Payload]], score: Score) -> None:
    count = sum(map(len, several))
    _seconds(contender, contender.before, [own[:1] for own in several])
    _settle()
    before = used_by([contender.part])
    with _watched(contender.part, score.growth if load.is_large else None):
        score.pushes.append(_seconds(contender, contender.push, several) / count)
    score.cpu.append(used_by([contender.part]).since(before)[0] / count)
    _settle()
    score.fetches.append(_seconds(contender, contender.fetch, several) / count)
    if load.is_large:
        _remove_large(contender.store, several[0][0].size)


def _seconds(contender: Contender, act: Act, several: list[list[Payload]]) -> float:
    """How long so many clients take, from the moment that all are connected until the last is done."""
    failures: list[Exception] = []
    together = threading.Barrier(len(several) + 1)

    def client(own: list[Payload]) -> None:
        connection = contender.connection()
        try:
            connection.connect()
        except OSError as failure:
            failures.append(failure)
        together.wait()
        try:
            for payload in own if not failures else ():
                act(connection, payload)
        except Exception as failure:  # noqa: BLE001 - raised by whoever waits for this thread
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=client, args=(own,), daemon=True) for own in several]
    for thread in threads:
        thread.start()
    together.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if failures:
        raise failures[0]
    return took


@contextmanager
def _watched(part: Child, growth: list[float] | None) -> Iterator[None]:
    """Note how much more memory than before the server held at its most."""
    if growth is None:
        yield
        return
    before = most = memory_of([part])
    over = threading.Event()

    def look() -> None:
        nonlocal most
        while not over.wait(LOOK_EVERY):
            most = max(most, memory_of([part]))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    growth.append(max(most, memory_of([part])) - before)


def _settle() -> None:
    """What one has left for the disk to do is not to be the next one's burden."""
    os.sync()


def _remove_large(store: Path, size: int) -> None:
    """So that the bench needs room for one large package at a time. Rows that speak of it stay, and are not asked."""
    for path in store.rglob("*"):
        if path.is_file() and path.stat().st_size >= size // 2:
            path.unlink()
