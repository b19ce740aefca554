"""What the comparison and the two targets agree on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class TargetRefused(Exception):
    """CloudHub did not do what it was asked, or was not there to ask; carries one sentence."""


class Desired(NamedTuple):
    """One API as it should run."""

    name: str
    version: str
    settings: Mapping[str, str]
    settings_hash: str


class Current(NamedTuple):
    """One API as it runs now; version and hash are empty where they were not deployed by such a package."""

    reference: str
    version: str
    settings_hash: str


class Target(Protocol):
    """A place where APIs run."""

    def current(self) -> dict[str, Current]:
        """What runs there, by name; raises TargetRefused."""

    def apply(self, desired: Desired, current: Current | None, release: str) -> None:
        """Deploy the API, or change it where it runs already, and store its state; raises TargetRefused."""
