"""How several things are named in one sentence."""

from collections.abc import Sequence


def together(names: Sequence[str]) -> str:
    """ "API", "API and UI", "API, UI and Docs". At least one."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def ordinal(number: int) -> str:
    """ "first" for 1, "tenth" for 10, "11th", "22nd"."""
    if number <= len(ORDINALS):
        return ORDINALS[number - 1]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def in_seconds(number: int) -> str:
    """ "1 second", "90 seconds"."""
    return f"{number} second{'' if number == 1 else 's'}"
