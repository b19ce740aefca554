"""The floor of a registry: the same bytes hashed and written into files that survive a power failure, and no more."""

import hashlib
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from bench.payloads import Payload


def seconds_for(home: Path, payloads: Sequence[Payload], loops: int = 1) -> float:
    """Write each payload into a file of its own, in so many loops side by side; the files are removed afterwards."""
    home.mkdir(exist_ok=True)
    paths = [home / f"{number}" for number in range(len(payloads))]
    jobs = list(zip(paths, payloads, strict=True))
    threads = [threading.Thread(target=_write_all, args=(jobs[loop::loops],), daemon=True) for loop in range(loops)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    for path in paths:
        path.unlink()
    return took


def _write_all(jobs: Sequence[tuple[Path, Payload]]) -> None:
    for path, payload in jobs:
        digest = hashlib.sha256()
        with path.open("wb", buffering=0) as file:
            for block in payload.blocks():
                digest.update(block)
                file.write(block)
            os.fsync(file.fileno())
        digest.hexdigest()
