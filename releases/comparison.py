"""What is different between two releases. Pure: plain data in, plain data out; `releases.comparing` reads the rows.

The order of the two is the order in which they are asked for: from the first to the second, which may well be the older.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

What = TypeVar("What", bound=Hashable)
EVERYWHERE = ""
WHOSE = {"stack": ["of the stack"], "shared": ["of all projects"]}  # by scope; the project's own need no word
ORDER_OF_STEPS = "Order of the steps"


class Kind(StrEnum):
    """What became of one thing on the way."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True)
class Named:
    """Something by its own name, with what people call it."""

    name: str
    label: str
    within: str = ""  # of a manifest's component: the package that holds the manifest

    def __str__(self) -> str:
        return self.label


@dataclass(frozen=True)
class VariableName:
    name: str
    scope: str
    environment: str = EVERYWHERE

    def __str__(self) -> str:
        return f"{self.name} in {self.environment}" if self.environment else self.name

    @property
    def place(self) -> str:
        """Where it holds, and whose it is, in words; empty for the project's own that holds everywhere."""
        words = [f"in {self.environment}"] if self.environment else []
        return ", ".join([*words, *WHOSE.get(self.scope, [])])


@dataclass(frozen=True)
class Value:
    """A variable's value: told apart by `mark`; `shown` is None where it is secret."""

    mark: str
    shown: str | None


@dataclass(frozen=True)
class Part:
    """What a release deploys of one project: a component of a stack, or the project itself."""

    slug: str
    name: str
    number: str
    place: Mapping[str, str] = field(default_factory=dict)  # in a stack's order: “Stage” → “1”
    packages: Mapping[Named, str] = field(default_factory=dict)  # → version
    contents: Mapping[Named, str] = field(default_factory=dict)  # component of a manifest → version
    process: str = ""
    steps: Mapping[str, str] = field(default_factory=dict)  # in order: name → what it does, as a digest
    variables: Mapping[VariableName, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Whole:
    """A release of a stack with all its parts, or of anything else with the one that it is."""

    number: str
    rank: tuple[str, int]  # its place among the releases of its project
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Difference(Generic[What]):
    """One thing on both sides. `before` and `after` are None where it is missing, or secret."""

    what: What
    kind: Kind
    before: str | None
    after: str | None
    is_secret: bool = False


@dataclass(frozen=True)
class PartComparison:
    """One project on both sides. Packages and contents are told completely, everything else where it differs."""

    slug: str
    name: str
    number: Difference[str]
    place: list[Difference[str]]
    packages: list[Difference[Named]]
    contents: list[Difference[Named]]
    process: Difference[str] | None
    steps: list[Difference[str]]
    variables: list[Difference[VariableName]]

    @property
    def is_same(self) -> bool:
        """Whether nothing at all is different."""
        return self.number.kind is Kind.SAME and not self.place

    @property
    def changed_packages(self) -> list[Difference[Named]]:
        return changed(self.packages)

    @property
    def changed_contents(self) -> list[Difference[Named]]:
        return changed(self.contents)

    @property
    def same_contents(self) -> list[Difference[Named]]:
        return [line for line in self.contents if line.kind is Kind.SAME]

    @property
    def is_same_inside(self) -> bool:
        """Whether another release brings the same packages: only how they are deployed can be different then."""
        return self.number.kind is Kind.CHANGED and not self.changed_packages

    @property
    def is_deployed_differently(self) -> bool:
        """Whether its process or its variables are known to differ."""
        return bool(self.process or self.steps or self.variables)


@dataclass(frozen=True)
class Comparison:
    before: str
    after: str
    is_back: bool  # from a newer release to an older one, as a rollback goes
    parts: list[PartComparison]

    @property
    def is_one(self) -> bool:
        """Whether a release is compared with itself."""
        return self.before == self.after

    @property
    def changed(self) -> list[PartComparison]:
        return [part for part in self.parts if not part.is_same]

    @property
    def deployed_differently(self) -> list[PartComparison]:
        """Those whose process or variables are known to differ."""
        return [part for part in self.parts if part.is_deployed_differently]

    @property
    def unchanged(self) -> list[PartComparison]:
        return [part for part in self.parts if part.is_same]


def compare(before: Whole, after: Whole) -> Comparison:
    """What is different in `after`, part by part in its order; parts that only `before` has come last."""
    old = {part.slug: part for part in before.parts}
    new = {part.slug: part for part in after.parts}
    slugs = [*new, *(slug for slug in old if slug not in new)]
    parts = [_compared(old.get(slug), new.get(slug)) for slug in slugs]
    return Comparison(before.number, after.number, after.rank < before.rank, parts)


def changed(lines: Iterable[Difference[What]]) -> list[Difference[What]]:
    """Those that are not the same on both sides."""
    return [line for line in lines if line.kind is not Kind.SAME]


def differences(before: Mapping[What, str], after: Mapping[What, str]) -> list[Difference[What]]:
    """Every thing of either side with its values, in the order of `after`; what is gone comes last."""
    everything = [*after, *(what for what in before if what not in after)]
    return [_difference(what, before.get(what), after.get(what)) for what in everything]


def between_manifests(before: Mapping[Named, str], after: Mapping[Named, str]) -> list[Difference[Named]]:
    """Every component of either side with its versions, in order of label: neither side has an order for all of them."""
    lines = differences(before, after)
    return sorted(lines, key=lambda line: (line.what.label.casefold(), line.what.name, line.what.within))


def _compared(before: Part | None, after: Part | None) -> PartComparison:
    known = after or before
    if known is None:
        raise ValueError("a part is on one side at least")
    old = before or Part(known.slug, known.name, "")
    new = after or Part(known.slug, known.name, "")
    return PartComparison(
        slug=known.slug,
        name=known.name,
        number=_difference(known.name, before.number if before else None, after.number if after else None),
        place=changed(differences(old.place, new.place)) if before and after else [],
        packages=differences(old.packages, new.packages),
        contents=between_manifests(old.contents, new.contents),
        process=_process(old, new),
        steps=_steps(old.steps, new.steps),
        variables=_variables(old.variables, new.variables),
    )


def _difference(what: What, before: str | None, after: str | None) -> Difference[What]:
    return Difference(what, _kind(before, after), before, after)


def _kind(before: object, after: object) -> Kind:
    if before == after:
        return Kind.SAME
    if before is None:
        return Kind.ADDED
    return Kind.REMOVED if after is None else Kind.CHANGED


def _process(old: Part, new: Part) -> Difference[str] | None:
    line = _difference("Process", old.process or None, new.process or None)
    return None if line.kind is Kind.SAME else line


def _steps(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference[str]]:
    """The steps that came, went or do something else; their order, where the same ones run in another."""
    lines = [Difference(line.what, line.kind, None, None) for line in changed(differences(before, after))]
    staying = [name for name in before if name in after], [name for name in after if name in before]
    if staying[0] != staying[1]:
        lines.append(Difference(ORDER_OF_STEPS, Kind.CHANGED, ", ".join(staying[0]), ", ".join(staying[1])))
    return lines


def _variables(
    before: Mapping[VariableName, Value], after: Mapping[VariableName, Value]
) -> list[Difference[VariableName]]:
    """Those that came, went or have another value, in order of name. One that is secret on either side shows neither."""
    lines = []
    for what in sorted({*before, *after}, key=lambda what: (what.name, what.environment, what.scope)):
        old, new = before.get(what), after.get(what)
        if (kind := _kind(old, new)) is Kind.SAME:
            continue
        is_secret = any(value is not None and value.shown is None for value in (old, new))
        shown = [value.shown if value and not is_secret else None for value in (old, new)]
        lines.append(Difference(what, kind, shown[0], shown[1], is_secret))
    return lines
