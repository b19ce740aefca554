"""The manifest of a package: which version of which component it stands for. Pure: bytes in, plain data out.

Three forms. All of them are UTF-8, at most 64 KiB, 1,000 components, 100 characters for a name and 200 for a version;
names and versions hold no spaces and are kept as they are written, so that `1.10` stays `1.10`.

properties  `component=version` on each line; `#` begins a comment anywhere, `;` and `!` at the beginning of a line
json, yaml  an object of names and versions, or a list of objects with `name` and `version` (and whatever else); either
            alone, or as `components` of an object that may hold other things
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from registry.refusals import RegistryRefused

FORMS = ("properties", "yaml", "json")
"""How a manifest may be written."""
USUAL_NAMES = ("manifest", "manifest.txt", "manifest.properties")
MAX_BYTES = 64 * 1024
MAX_COMPONENTS = 1000
NAME_MAX_LENGTH = 100
VERSION_MAX_LENGTH = 200
_MAX_DEPTH = 20

_PLAIN_LINE = re.compile(
    r"(?P<component>[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*)\s*=\s*(?P<version>[A-Za-z0-9][A-Za-z0-9.+_-]*)"
)


class ManifestUnreadable(RegistryRefused):
    """There is a manifest where one was promised, and it cannot be read; or there is none."""

    code = "manifest-unreadable"


class ManifestMissing(ManifestUnreadable):
    code = "manifest-missing"


@dataclass(frozen=True)
class ManifestPlace:
    """Where an administrator says that a package's manifest is."""

    file: str = ""
    """Its path inside the package, without the one directory that may hold everything; "": one of the usual names."""
    form: str = "properties"

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(part for part in self.file.split("/") if part not in ("", "."))


DEFAULT = ManifestPlace()


@dataclass(frozen=True)
class _Node:
    """A piece of YAML or JSON: text, a list, an object (pairs), or None for what is neither (null, true)."""

    value: "str | list[_Node] | tuple[tuple[_Node, _Node], ...] | None"
    line: int | None = None


def read(data: bytes, form: str, *, file: str = "manifest") -> dict[str, str]:
    """Component and version, in the order of the manifest. `form` is one of FORMS, `file` is named in sentences.

    Raises ManifestUnreadable for anything that is not as described above.
    """
    if len(data) > MAX_BYTES:
        raise too_large(file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ManifestUnreadable(f"The manifest {file} is not in UTF-8. Save it in UTF-8.") from None
    return _told(_READERS[form](text, file), file)


def glean(data: bytes) -> dict[str, str]:
    """What the `component=version` lines of a file say that may be a manifest or something else.

    Other lines say nothing, nor does a file that is too large or not in UTF-8.
    """
    try:
        lines = data.decode("utf-8-sig").splitlines() if len(data) <= MAX_BYTES else []
    except UnicodeDecodeError:
        return {}
    matches = (_PLAIN_LINE.fullmatch(line.strip()) for line in lines)
    found = {match["component"]: match["version"] for match in matches if match}
    too_much = len(found) > MAX_COMPONENTS or any(
        len(name) > NAME_MAX_LENGTH or len(version) > VERSION_MAX_LENGTH for name, version in found.items()
    )
    return {} if too_much else found


def too_large(file: str) -> ManifestUnreadable:
    return ManifestUnreadable(
        f"The manifest {file} is larger than {MAX_BYTES // 1024} KiB. Leave only components and versions in it."
    )


# -- what all forms have in common ------------------------------------------------------------------------------------

_Told = tuple[str, str, int | None]  # component, version, line


def _told(entries: Iterable[_Told], file: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, version, line in entries:
        where = _where(file, line)
        for text, most, what in ((name, NAME_MAX_LENGTH, "component"), (version, VERSION_MAX_LENGTH, "version")):
            if len(text) > most or not text.isprintable() or text.split() != [text]:
                raise ManifestUnreadable(
                    f"{where} names the {what} {_shown(text)}. Write it without spaces, in at most {most} characters."
                )
        if name in found:
            raise ManifestUnreadable(f"{where} names {name} a second time. Leave one of the two versions.")
        found[name] = version
        if len(found) > MAX_COMPONENTS:
            raise ManifestUnreadable(f"The manifest {file} names more than {MAX_COMPONENTS:,} components. Split it.")
    if not found:
        raise ManifestUnreadable(f"The manifest {file} names no component. Write down each with its version.")
    return found


def _where(file: str, line: int | None) -> str:
    return f"The manifest {file}" if line is None else f"Line {line} of the manifest {file}"


def _shown(text: str) -> str:
    printable = "".join(character if character.isprintable() else "�" for character in text)
    return f"“{printable}”" if len(printable) <= 60 else f"“{printable[:60]}…”"


# -- properties -------------------------------------------------------------------------------------------------------


def _lines(text: str, file: str) -> Iterator[_Told]:
    for number, whole in enumerate(text.splitlines(), start=1):
        line = whole.partition("#")[0].strip()
        if not line or line.startswith((";", "!")):
            continue
        name, equals, version = (part.strip() for part in line.partition("="))
        if not (name and equals and version):
            raise ManifestUnreadable(
                f"{_where(file, number)}, {_shown(line)}, is not component=version. Write it so, or put # in front of"
                " what is a comment; if the whole file is YAML or JSON, ask the administrator to say so."
            )
        yield name, version, number


# -- YAML and JSON ----------------------------------------------------------------------------------------------------


def _yaml(text: str, file: str) -> Iterator[_Told]:
    yield from _components(_from_yaml(text, file), file)


def _json(text: str, file: str) -> Iterator[_Told]:
    yield from _components(_from_json(text, file), file)


_READERS: dict[str, Callable[[str, str], Iterator[_Told]]] = {"properties": _lines, "yaml": _yaml, "json": _json}


def _components(node: _Node, file: str) -> Iterator[_Told]:
    if isinstance(node.value, tuple):
        inner = [value for key, value in node.value if key.value == "components" and not isinstance(value.value, str)]
        if inner:
            yield from _pairs(inner[0], file)
            return
    yield from _pairs(node, file)


def _pairs(node: _Node, file: str) -> Iterator[_Told]:
    if isinstance(node.value, tuple):
        for key, value in node.value:
            yield _text(key, "a name", file), _text(value, f"the version of {_shown(str(key.value))}", file), key.line
    elif isinstance(node.value, list):
        for item in node.value:
            fields = {key.value: value for key, value in item.value} if isinstance(item.value, tuple) else {}
            name, version = (fields.get(field, _Node(None, item.line)) for field in ("name", "version"))
            yield _text(name, "a name", file), _text(version, "a version", file), item.line
    else:
        raise ManifestUnreadable(
            f"{_where(file, node.line)} holds neither an object nor a list. Write an object of components and versions."
        )


def _text(node: _Node, what: str, file: str) -> str:
    if isinstance(node.value, str):
        return node.value
    raise ManifestUnreadable(
        f"{_where(file, node.line)} has no text where {what} belongs. Write components and versions as text, for example"
        ' "patient-api": "1.4.114".'
    )


def _from_yaml(text: str, file: str) -> _Node:
    """Read event by event: nothing is constructed, and `1.10` is not taken for the number 1.1."""
    events = _events(text, file)
    node = _Node(None) if isinstance(next(events), yaml.StreamEndEvent) else _node(next(events), events, file)
    if len(list(events)) > 2:  # the ends of document and stream are left
        raise ManifestUnreadable(f"The manifest {file} holds several YAML documents. Leave one.")
    return node


def _events(text: str, file: str) -> Iterator[yaml.Event]:
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        next(events)  # the start of the stream
        yield from events
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it holds characters that YAML does not allow"
        where = _where(file, mark.line + 1 if mark else None)
        raise ManifestUnreadable(f"{where} is not YAML: {problem}. Correct it.") from None


def _node(event: yaml.Event, events: Iterator[yaml.Event], file: str, depth: int = 0) -> _Node:
    mark: Any = event.start_mark
    line, tag = mark.line + 1, getattr(event, "tag", None)
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise ManifestUnreadable(
            f"{_where(file, line)} uses an anchor or alias (& or *). Write out what it stands for."
        )
    if tag not in (None, "!", "tag:yaml.org,2002:str"):
        raise ManifestUnreadable(f"{_where(file, line)} uses the tag {tag}. Leave it out.")
    if depth > _MAX_DEPTH:
        raise _too_deep(file, line)
    if isinstance(event, yaml.ScalarEvent):
        is_null = event.style is None and event.value in ("", "~", "null", "Null", "NULL")
        return _Node(None if is_null else event.value, line)
    inner = [_node(inside, events, file, depth + 1) for inside in _until_its_end(events)]
    if isinstance(event, yaml.SequenceStartEvent):
        return _Node(inner, line)
    return _Node(tuple(zip(inner[::2], inner[1::2], strict=True)), line)


def _until_its_end(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            return
        yield event


def _from_json(text: str, file: str) -> _Node:
    try:
        value = json.loads(
            text,
            object_pairs_hook=tuple,  # so that the second of two equal names does not hide the first
            parse_int=str,
            parse_float=str,
            parse_constant=lambda _: None,
        )
    except json.JSONDecodeError as error:
        where = _where(file, error.lineno)
        raise ManifestUnreadable(f"{where} is not JSON: {error.msg} in column {error.colno}. Correct it.") from None
    except RecursionError:
        raise _too_deep(file, None) from None
    return _from_values(value, file)


def _from_values(value: object, file: str, depth: int = 0) -> _Node:
    if depth > _MAX_DEPTH:
        raise _too_deep(file, None)
    if isinstance(value, list):
        return _Node([_from_values(item, file, depth + 1) for item in value])
    if isinstance(value, tuple):
        return _Node(tuple((_Node(key), _from_values(inner, file, depth + 1)) for key, inner in value))
    return _Node(value if isinstance(value, str) else None)


def _too_deep(file: str, line: int | None) -> ManifestUnreadable:
    return ManifestUnreadable(f"{_where(file, line)} is nested deeper than {_MAX_DEPTH} levels. Make it flat.")
