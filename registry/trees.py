"""YAML and JSON as a tree of text, lists and pairs, in which nothing was interpreted or lost. Pure.

Numbers stay as they are written (`1.10` is no 1.1), equal names stay side by side, and whatever a reader could be made
to build that is not in the file, by tags, anchors or aliases, is refused.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

MOST_DEPTH = 20


class TreeUnreadable(Exception):
    """It cannot be read, in this line where that is known; `problem` goes on a sentence that begins with the place."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


@dataclass(frozen=True)
class Tree:
    """Text, a list, the pairs of an object, or None for what is neither (null, and in JSON true and false)."""

    value: "str | list[Tree] | tuple[tuple[Tree, Tree], ...] | None"
    line: int | None = None
    """Counted from 1; unknown in JSON."""


def from_yaml(text: str) -> Tree:
    """The only document in `text`; None in it where there is none. Raises TreeUnreadable."""
    events = _events(text)
    tree = Tree(None) if isinstance(next(events), yaml.StreamEndEvent) else _tree(next(events), events)
    if len(list(events)) > 2:  # the ends of document and stream are left
        raise TreeUnreadable("holds several YAML documents. Leave one.")
    return tree


def from_json(text: str) -> Tree:
    """Raises TreeUnreadable."""
    try:
        value = json.loads(
            text, object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=lambda constant: None
        )
    except json.JSONDecodeError as error:
        raise TreeUnreadable(f"is not JSON: {error.msg} in column {error.colno}. Correct it.", error.lineno) from None
    except RecursionError:
        raise _too_deep(None) from None
    return _from_values(value)


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        next(events)  # the start of the stream
        yield from events
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it holds characters that YAML does not allow"
        raise TreeUnreadable(f"is not YAML: {problem}. Correct it.", mark.line + 1 if mark else None) from None


def _tree(event: yaml.Event, events: Iterator[yaml.Event], depth: int = 0) -> Tree:
    line = event.start_mark.line + 1 if event.start_mark else None
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise TreeUnreadable("uses an anchor or alias (& or *). Write out what it stands for.", line)
    if getattr(event, "tag", None) not in (None, "!", "tag:yaml.org,2002:str"):
        raise TreeUnreadable("uses a tag (!). Leave it out.", line)
    if depth > MOST_DEPTH:
        raise _too_deep(line)
    if isinstance(event, yaml.ScalarEvent):
        is_null = event.style is None and event.value in ("", "~", "null", "Null", "NULL")
        return Tree(None if is_null else event.value, line)
    inner = [_tree(inside, events, depth + 1) for inside in _until_its_end(events)]
    if isinstance(event, yaml.SequenceStartEvent):
        return Tree(inner, line)
    return Tree(tuple(zip(inner[::2], inner[1::2], strict=True)), line)


def _until_its_end(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            return
        yield event


def _from_values(value: object, depth: int = 0) -> Tree:
    if depth > MOST_DEPTH:
        raise _too_deep(None)
    if isinstance(value, list):
        return Tree([_from_values(item, depth + 1) for item in value])
    if isinstance(value, tuple):
        return Tree(tuple((Tree(key), _from_values(inner, depth + 1)) for key, inner in value))
    return Tree(value if isinstance(value, str) else None)


def _too_deep(line: int | None) -> TreeUnreadable:
    return TreeUnreadable(f"is nested deeper than {MOST_DEPTH} levels. Make it flat.", line)
