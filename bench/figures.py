"""Figures: what was measured, beside its floor and its target; as a table for people and as lines for machines."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

BROKE_OFF = "broke off"


@dataclass(frozen=True)
class Figure:
    """One figure.

    floor   the same work in a plain shell loop, in the same unit; None where there is no such thing
    ratio   value to floor
    target  what the ratio, or without a floor the value, must keep to; None where nothing was promised
    held    whether it does; None without a target, or when it could not be measured
    """

    name: str
    value: float | None
    unit: str
    floor: float | None = None
    ratio: float | None = None
    target: float | None = None
    held: bool | None = None
    note: str = ""


def at_most(name: str, value: float, unit: str, floor: float, times: float | None = None, note: str = "") -> Figure:
    """A cost, which is to stay below so many times its floor."""
    ratio = value / floor
    return _rounded(name, value, unit, floor, ratio, times, None if times is None else ratio <= times, note)


def at_least(name: str, value: float, unit: str, floor: float, times: float | None = None, note: str = "") -> Figure:
    """A yield, which is to reach so many times its floor."""
    ratio = value / floor
    return _rounded(name, value, unit, floor, ratio, times, None if times is None else ratio >= times, note)


def below(name: str, value: float, unit: str, target: float, note: str = "") -> Figure:
    """A value that has a limit of its own."""
    return _rounded(name, value, unit, None, None, target, value <= target, note)


def above(name: str, value: float, unit: str, target: float, note: str = "") -> Figure:
    """A value that is to reach one of its own."""
    return _rounded(name, value, unit, None, None, target, value >= target, note)


def plain(name: str, value: float | None, unit: str, note: str = "") -> Figure:
    """A value of which nothing was promised."""
    return _rounded(name, value, unit, None, None, None, None, note)


def broken_off(name: str, error: Exception) -> Figure:
    """In the place of what could not be measured."""
    return Figure(name, None, "", note=f"{BROKE_OFF}: {error!r}")


def _rounded(
    name: str,
    value: float | None,
    unit: str,
    floor: float | None,
    ratio: float | None,
    target: float | None,
    held: bool | None,
    note: str,
) -> Figure:
    return Figure(name, _short(value), unit, _short(floor), _short(ratio), target, held, note)


def _short(number: float | None) -> float | None:
    """Four digits that count: more would be noise."""
    return None if number is None else float(f"{number:.4g}")


def line_of(figure: Figure) -> str:
    """The figure as one line of JSON, without the note for people. Where nothing was promised, being measured is all
    that there is to hold."""
    line = {name: value for name, value in asdict(figure).items() if name != "note"}
    return json.dumps(line | {"held": figure.value is not None if figure.held is None else figure.held})


def table_of(figures: Iterable[Figure]) -> str:
    """The figures as a table for people."""
    heads = ["figure", "value", "unit", "floor", "ratio", "target", "held", "note"]
    rows = [heads, *([_cell(value) for value in asdict(figure).values()] for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in (1, 3, 4, 5) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:,.10g}" if isinstance(value, float) else str(value)
