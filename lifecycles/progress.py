"""How far a release has come: pure rules of promotion, without a database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """One phase as plain data: its environments by id, and how many of them must have succeeded (0: all)."""

    name: str
    environments: tuple[int, ...]
    optional: bool = False
    minimum: int = 0

    def needed(self) -> int:
        """How many distinct environments must have succeeded."""
        everything = len(self.environments)
        return min(self.minimum, everything) if self.minimum else everything

    def is_complete(self, succeeded: Collection[int]) -> bool:
        """`succeeded`: ids of the environments where this release has ever succeeded."""
        return sum(environment in succeeded for environment in self.environments) >= self.needed()


def section_of(environment: int, track: Sequence[Section]) -> Section | None:
    """The phase of this environment, or None when the lifecycle does not know it."""
    return next((section for section in track if environment in section.environments), None)


def incomplete_before(environment: int, track: Sequence[Section], succeeded: Collection[int]) -> list[Section]:
    """The earlier phases that a release must complete before it may go to `environment`, in order.

    Empty means that the way is clear: the first phase always is, optional phases are passed over, and where this
    release has succeeded once it may always return.
    """
    here = section_of(environment, track)
    if here is None:
        raise ValueError(f"environment {environment} is not on this track")
    if environment in succeeded:
        return []
    earlier = track[: list(track).index(here)]
    return [section for section in earlier if not section.optional and not section.is_complete(succeeded)]
