"""What was changed and what was refused so far, and how one row is brought to what the file says."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from accounts import configuring
from accounts.configuring import difference, titled
from accounts.models import User
from config.encryption import CannotDecrypt
from lifecycles.rules import Problem
from projects.models import Variable
from registry.models import Feed

OUT_OF_THE_WAY = 1_000_000  # where positions wait while rows change places, since each may exist only once


@dataclass(frozen=True)
class Change:
    """One thing that is, or would be, different: “Patient UI: stage 1 → 2”. Never holds a sensitive value."""

    sentence: str

    def __str__(self) -> str:
        return self.sentence


class Work:
    """What was changed and what was refused so far."""

    def __init__(self, by: User | None) -> None:
        self.by = by
        self.changes: list[Change] = []
        self.problems: list[str] = []
        self._seen: set[tuple[object, ...]] = set()
        self._refused: set[tuple[type[models.Model], str]] = set()

    def note(self, row: models.Model, sentence: str) -> None:
        self.changes.append(Change(sentence))
        configuring.record(self.by, row, sentence)

    def refuse(self, place: str, sentence: str) -> None:
        self.problems.append(f"{place}: {sentence}")

    def give_up(self, model: type[models.Model], name: str) -> None:
        """This was refused: what refers to it is left out without another sentence."""
        self._refused.add((model, name))

    def once(self, place: str, *key: object) -> bool:
        """Whether this is the first time that the file names this; otherwise it is refused."""
        if key in self._seen:
            self.refuse(place, "This is named twice in the file. Keep one of them.")
            return False
        self._seen.add(key)
        return True

    def find(self, place: str, model: type[models.Model], field: str, name: str | None) -> Any:
        """The row that the file refers to; None where it names none, or where that is refused."""
        if name is None:
            return None
        row = model._default_manager.filter(**{field: name}).first()
        if row is None and (model, name) not in self._refused:
            kind = model._meta.verbose_name
            self.refuse(place, f"There is no {kind} “{name}”, neither in this file nor stored. Check its spelling.")
        return row

    def find_all(self, place: str, model: type[models.Model], field: str, names: Sequence[str]) -> list[Any]:
        found = [self.find(f"{place}[{index}]", model, field, name) for index, name in enumerate(names)]
        return [row for row in found if row is not None]

    def bring(
        self,
        place: str,
        row: models.Model,
        values: dict[str, Any],
        *,
        why_not: Callable[[], Iterable[Problem]] = tuple,
        named: str | None = None,
        quiet: bool = False,
    ) -> bool:
        """Bring one row to these values, unless something is wrong with it.

        named  how others in the file refer to it; quiet: somebody else says that it was created
        """
        new = row._state.adding
        before = {name: getattr(row, name) for name in values} if not new else {}
        for name, value in values.items():
            setattr(row, name, value)
        problems = [*wrong_with(row), *why_not()]
        for problem in problems:
            self.refuse(f"{place}.{problem.field}" if problem.field else place, problem.sentence)
        if problems:
            if named is not None:
                self.give_up(type(row), named)
            return False
        differences = [_difference(row, name, old) for name, old in before.items() if old != getattr(row, name)]
        if new or differences:
            # Only what the file says: a column that never changes may not even be written again.
            row.save(update_fields=None if new else list(values))
        if differences or (new and not quiet):
            self.note(row, f"{titled(row)}: {', '.join(differences) or 'created'}")
        return True

    def bring_list(
        self, row: models.Model, label: str, held: Any, wanted: Sequence[models.Model], *, new: bool
    ) -> None:
        """Bring the rows of a many-to-many relation to exactly these."""
        before = sorted(map(str, held.all()))
        after = sorted(map(str, wanted))
        if before != after:
            held.set(wanted)
            if not new:
                self.note(row, f"{titled(row)}: {difference(label, before, after)}")


def wrong_with(row: models.Model) -> list[Problem]:
    """What the row's own fields and constraints say."""
    try:
        row.full_clean()
    except ValidationError as error:
        return [
            Problem("" if field == NON_FIELD_ERRORS else field, sentence)
            for field, sentences in error.message_dict.items()
            for sentence in sentences
        ]
    return []


def _difference(row: models.Model, name: str, before: object) -> str:
    field: Any = row._meta.get_field(name)
    labels = dict(field.flatchoices or ())
    after = getattr(row, name)
    return difference(str(field.verbose_name), labels.get(before, before), labels.get(after, after))


def in_order(work: Work, owner: models.Model, held: Any, names: list[str], *, quiet: bool) -> dict[str, Any]:
    """The rows of an ordered list by name, without those that are not wanted, and the wanted ones in this order."""
    stored = {row.name: row for row in held.order_by("position")}
    if list(stored) == names:
        return stored
    held.exclude(name__in=names).delete()
    held.update(position=models.F("position") + OUT_OF_THE_WAY)
    for position, name in enumerate(names, start=1):
        held.filter(name=name).update(position=position)
    kind = held.model._meta.verbose_name_plural
    if not quiet:
        work.note(owner, f"{titled(owner)}: {difference(str(kind), list(stored), names)}")
    return {row.name: row for row in held.all()}


def readable(row: Variable | Feed) -> str | None:
    """The stored value; None where its key is lost, so that the file's value takes its place."""
    try:
        return row.plaintext
    except CannotDecrypt:
        return None
