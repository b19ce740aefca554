"""How releases get their numbers."""

import re
from collections.abc import Collection
from datetime import date

from registry.versions import VersionRefused, parse

COUNTER = "{n}"
PLACEHOLDER = re.compile(r"\{[^}]*\}")
KNOWN = {"{yyyy}", "{mm}", "{dd}", COUNTER}


def next_number(pattern: str, today: date, taken: Collection[str]) -> str:
    """The number that follows those `taken` under this pattern: `{n}` counts up from 1, per day, month or whatever
    else the pattern names. `taken`: the numbers that the project's releases have."""
    before, after = (_dated(part, today) for part in pattern.split(COUNTER, 1))
    numbered = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    counts = [int(match[1]) for number in taken if (match := numbered.fullmatch(number))]
    return f"{before}{max(counts, default=0) + 1}{after}"


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


def _dated(text: str, today: date) -> str:
    for placeholder, value in (("{yyyy}", today.year), ("{mm}", today.month), ("{dd}", today.day)):
        text = text.replace(placeholder, str(value))
    return text
