"""How several things are named in one sentence."""

from collections.abc import Sequence


def together(names: Sequence[str]) -> str:
    """ "API", "API and UI", "API, UI and Docs". At least one."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
