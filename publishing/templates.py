"""Templates of release notes: Markdown with a handful of placeholders and no logic.

`{notes}` and the like stand for text; nothing is executed, and other braces are just braces. A line whose placeholders
all turn out empty is left out, and so is a heading that is left with nothing under it.
"""

import re
from collections.abc import Mapping, Sequence

PLACEHOLDERS: Mapping[str, str] = {
    "stack": "the stack, or the component or project that the notes are about",
    "release": "the number of the release",
    "environment": "the environment",
    "date": "the day since when it is live there; before that, today",
    "replaces": "the number of what is replaced; empty where nothing was there",
    "components": "a list of the components that change, each from which version to which",
    "notes": "the notes of every release that comes",
    "work_items": "a list of the work items that come, with links",
    "taken_back": "what is no longer there after a rollback: notes and work items",
    "link": "the address in Signalbox",
}
USUAL = """\
# {stack} {release} in {environment}

{date} · {link}

## What it brings

{notes}

## Work items

{work_items}

## Taken back

{taken_back}

## Components

{components}
"""
LONGEST = 10_000
LARGEST = 500_000  # characters of what comes of it; far more than anybody reads

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]|$)")


def why_not_template(text: str) -> list[str]:
    """A sentence for each thing that is wrong with a template; none: it can be used."""
    problems = []
    if len(text) > LONGEST:
        problems.append(f"A template holds at most {LONGEST:,} characters; this one has {len(text):,}.")
    used = list(dict.fromkeys(_PLACEHOLDER.findall(text)))
    unknown = [f"{{{name}}}" for name in used if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        problems.append(f"{', '.join(unknown)}: there is no such placeholder. These can be used: {known}.")
    if not unknown and not {"notes", "work_items", "components"}.intersection(used):
        problems.append("It says nothing about the release: use at least {notes}, {work_items} or {components}.")
    return problems


def filled(text: str, values: Mapping[str, str]) -> str:
    """The template with the value of each placeholder in its place; a placeholder that is not known stays as it is."""
    lines = [_filled(line, values) for line in text.replace("\r\n", "\n").split("\n")]
    kept: list[str] = []
    for place, line in enumerate(lines):
        gap = line == "" and kept[-1:] in ([], [""])  # left where something was left out
        if line is not None and not gap and not _is_bare_heading(lines, place):
            kept.append(line)
    return "\n".join(kept).strip()[:LARGEST] + "\n"


def _filled(line: str, values: Mapping[str, str]) -> str | None:
    """None: nothing is left of it."""
    named = [name for name in _PLACEHOLDER.findall(line) if name in values]
    if named and not any(values[name] for name in named):
        return None
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), line)


def _is_bare_heading(lines: Sequence[str | None], place: int) -> bool:
    """Whether this line is a heading and nothing but lower headings comes before the next one."""
    level = _level(lines[place])
    if level is None:
        return False
    for line in lines[place + 1 :]:
        lower = _level(line)
        if lower is not None and lower <= level:
            return True
        if line is not None and line.strip() and lower is None:
            return False
    return True


def _level(line: str | None) -> int | None:
    """Of a heading; what a placeholder brought begins with a heading too, but holds more than one line."""
    found = _HEADING.match(line) if line is not None and "\n" not in line else None
    return len(found[1]) if found else None
