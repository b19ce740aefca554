"""How releases get their numbers."""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date

from registry.versions import VersionRefused, parse

COUNTER = "{n}"
PLACEHOLDER = re.compile(r"\{[^}]*\}")
KNOWN = {"{yyyy}", "{mm}", "{dd}", COUNTER}


def next_number(pattern: str, today: date, taken: Collection[str]) -> str:
    """The number that follows those `taken` under this pattern: `{n}` counts up from 1, per day, month or whatever
    else the pattern names. `taken`: the numbers that the project's releases have."""
    return _followed(pattern, today, taken) or _numbered(pattern, today, 1)


def number_after(pattern: str, today: date, highest: Sequence[str]) -> str | None:
    """The same, told from some of the highest numbers alone; None where these do not tell.

    They do where `{n}` is one of the numbers of the version, before any “-” or “+”: of two that follow the pattern the
    higher one then has counted further.
    """
    before, after = pattern.split(COUNTER, 1)
    is_a_number = before[-1:] in ("", ".") and after[:1] in ("", ".", "-", "+") and not {"-", "+"} & set(before)
    return _followed(pattern, today, highest) if is_a_number else None


def why_not_pattern(pattern: str) -> str | None:
    """The sentence that says what is wrong with a number pattern, or None."""
    unknown = [found for found in PLACEHOLDER.findall(pattern) if found not in KNOWN]
    if unknown:
        return f"The number pattern names {unknown[0]}, which is not known. Use {{yyyy}}, {{mm}}, {{dd}} and {{n}}."
    if pattern.count(COUNTER) != 1:
        return "The number pattern needs {n} exactly once: it counts the releases up."
    try:
        parse(next_number(pattern, date(2000, 12, 31), ()))
    except VersionRefused as refusal:
        return f"Numbers of this pattern would not be versions. {refusal}"
    return None


def _followed(pattern: str, today: date, taken: Iterable[str]) -> str | None:
    """The number after the highest count of this pattern among those taken; None where none is of this pattern."""
    before, after = (re.escape(_dated(part, today)) for part in pattern.split(COUNTER, 1))
    numbered = re.compile(rf"{before}(\d+){after}")
    counts = [int(match[1]) for number in taken if (match := numbered.fullmatch(number))]
    return _numbered(pattern, today, max(counts) + 1) if counts else None


def _numbered(pattern: str, today: date, count: int) -> str:
    return _dated(pattern.replace(COUNTER, str(count)), today)


def _dated(text: str, today: date) -> str:
    for placeholder, value in (("{yyyy}", today.year), ("{mm}", today.month), ("{dd}", today.day)):
        text = text.replace(placeholder, str(value))
    return text
