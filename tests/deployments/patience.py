"""Waiting for what is certain to come, without sleeping for longer than it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found], seconds: float = 15.0) -> Found:
    """What `condition` says as soon as it is true. Raises AssertionError when it is not within `seconds`."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} seconds: {condition.__qualname__}"
        time.sleep(0.02)
    return found
