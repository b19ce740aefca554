"""The manifest of a package: which version of which component it stands for. Pure: bytes in, plain data out.

Three forms. All of them are UTF-8, at most 64 KiB, 1,000 components, 100 characters for a name and 200 for a version;
names and versions hold no spaces and are kept as they are written, so that `1.10` stays `1.10`.

properties  `component=version` on each line; `#` begins a comment anywhere, `;` and `!` at the beginning of a line
json, yaml  an object of names and versions, or a list of objects with `name` and `version` (and whatever else); either
            alone, or as `components` of an object that may hold other things
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from registry import trees
from registry.refusals import RegistryRefused
from registry.trees import Tree, TreeUnreadable

FORMS = ("properties", "yaml", "json")
"""How a manifest may be written."""
USUAL_NAMES = ("manifest", "manifest.txt", "manifest.properties")
MAX_BYTES = 64 * 1024
MAX_COMPONENTS = 1000
NAME_MAX_LENGTH = 100
VERSION_MAX_LENGTH = 200

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
    return _components(trees.from_yaml, text, file)


def _json(text: str, file: str) -> Iterator[_Told]:
    return _components(trees.from_json, text, file)


_READERS: dict[str, Callable[[str, str], Iterator[_Told]]] = {"properties": _lines, "yaml": _yaml, "json": _json}


def _components(parse: Callable[[str], Tree], text: str, file: str) -> Iterator[_Told]:
    try:
        tree = parse(text)
        fields = _fields(tree)
        if "components" in fields and not isinstance(fields["components"].value, str):
            tree = fields["components"]
        yield from _pairs(tree)
    except TreeUnreadable as error:
        raise ManifestUnreadable(f"{_where(file, error.line)} {error.problem}") from None


def _pairs(tree: Tree) -> Iterator[_Told]:
    if isinstance(tree.value, tuple):
        for key, value in tree.value:
            name = _text(key, "a name")
            yield name, _text(value, f"the version of {_shown(name)}"), key.line
    elif isinstance(tree.value, list):
        for item in tree.value:
            fields, nothing = _fields(item), Tree(None, item.line)
            name = _text(fields.get("name", nothing), "a name")
            yield name, _text(fields.get("version", nothing), f"the version of {_shown(name)}"), item.line
    else:
        raise TreeUnreadable(
            "holds neither an object nor a list. Write an object of components and versions.", tree.line
        )


def _fields(tree: Tree) -> dict[str, Tree]:
    """The fields of an object; none of anything else. Raises TreeUnreadable where one that matters is there twice."""
    pairs = tree.value if isinstance(tree.value, tuple) else ()
    fields: dict[str, Tree] = {}
    for key, value in pairs:
        if isinstance(key.value, str) and fields.setdefault(key.value, value) is not value and key.value in _FIELDS:
            raise TreeUnreadable(f"holds {key.value} twice. Leave one of them.", key.line)
    return fields


_FIELDS = ("components", "name", "version")


def _text(tree: Tree, what: str) -> str:
    if isinstance(tree.value, str):
        return tree.value
    raise TreeUnreadable(
        f"has no text where {what} belongs. Write components and versions as text, for example"
        ' "patient-api": "1.4.114".',
        tree.line,
    )
