"""The small files of a bundle, as text: manifest, order, variables, checksums and what to do with it all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from django.template.defaultfilters import filesizeformat

from releases.actions import ReleaseRefused
from releases.bundle.contents import Item
from releases.models import Release
from releases.snapshot import Example, examples_of

HERE = Path(__file__).resolve().parent
NOTHING = "-"
ORDER = """\
# What run.sh runs, in this order: what to do, stage, component, package, version, format, file, entry point, and what
# the script is told of everything that the release holds.
"""
VARIABLES = """\
# The variables of this release's scripts. Copy this file to “variables” and fill in what is empty: what depends on the
# environment and what is secret is not in here. NAME=value takes everything to the end of the line; NAME<file takes the
# content of a file. What stands under [component] is for that component alone and goes before what stands above.
"""


def script() -> str:
    return (HERE / "run.sh").read_text(encoding="utf-8")


def manifest(release: Release, items: Sequence[Item]) -> str:
    content = {
        "project": release.project.slug,
        "name": release.project.name,
        "number": release.number,
        "argument": release.argument,
        "created_at": release.created_at.isoformat(timespec="seconds"),
        "components": [item.as_json() for item in items],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def order(release: Release, items: Sequence[Item]) -> str:
    """Separated by tabs, for run.sh. Raises ReleaseRefused for an entry point that cannot be written so."""
    lines = [f"release\t{release.argument}"]
    for item in items:
        if not item.entry_point.isprintable():
            sentence = f"The entry point of {item.version} holds characters that cannot be printed. Rename the file."
            raise ReleaseRefused("entry_point_unprintable", sentence)
        version = item.version
        what = ("run" if item.step else "hold", str(item.stage), item.component, version.package.name, version.version)
        how = (version.format, item.file or NOTHING, item.entry_point or NOTHING, item.told)
        lines.append("\t".join((*what, *how)))
    return ORDER + "\n".join(lines) + "\n"


def variables(components: Mapping[str, Release]) -> str:
    """components: slug → the release whose snapshot holds its variables, in order."""
    by_component = {slug: examples_of(release.snapshot) for slug, release in components.items()}
    everywhere = [
        example
        for example in next(iter(by_component.values()), [])
        if all(example in examples for examples in by_component.values())
    ]
    text = VARIABLES + _section("", everywhere)
    for slug, examples in by_component.items():
        own = [example for example in examples if example not in everywhere]
        text += _section(f"[{slug}]", own) if own else ""
    return text


@dataclass(frozen=True)
class Blank:
    """A variable that has to be filled in, of which components, and why its value is not in the bundle."""

    name: str
    components: list[str]  # slugs
    why: str


def blanks(components: Mapping[str, Release]) -> list[Blank]:
    """The variables that are empty in `variables`, by name."""
    found: dict[tuple[str, str], list[str]] = {}
    for slug, release in components.items():
        for example in examples_of(release.snapshot):
            if _shown(example) == "" and (about := _about(example)):
                found.setdefault((example.name, about), []).append(slug)
    return [Blank(name, slugs, f"It {about}.") for (name, about), slugs in sorted(found.items())]


def _section(title: str, examples: Sequence[Example]) -> str:
    lines = [line for example in examples for line in _lines(example)]
    return "\n".join(["", *([title] if title else []), *lines, ""]) if lines else ""


def _lines(example: Example) -> list[str]:
    about = _about(example)
    return [*([f"# {example.name} {about}"] if about else []), f"{example.name}={_shown(example)}"]


def _shown(example: Example) -> str:
    """The value, as far as one line can hold it."""
    return example.value if example.value.isprintable() else ""


def _about(example: Example) -> str:
    """What goes on after the variable's name; empty where there is nothing to say."""
    about = [
        *(["is secret"] if example.sensitive else []),
        *([f"has a value of its own in {', '.join(example.environments)}"] if example.environments else []),
        *([] if example.value.isprintable() else ["has several lines: name a file that holds them after NAME<"]),
    ]
    return ", and ".join(about)


def sums(digests: Mapping[str, str]) -> str:
    """path → SHA-256, as sha256sum reads it."""
    return "".join(f"{digest}  {path}\n" for path, digest in digests.items())


def readme(release: Release, items: Sequence[Item]) -> str:
    """What this is, what it holds, and how it is run."""
    template = Template((HERE / "README.md").read_text(encoding="utf-8"))
    places = ", ".join(environment.name for environment in release.project.track.environments())
    elsewhere = [str(item.version) for item in items if not item.file]
    missing = f"\nNot contained, because it lies in another store: {', '.join(elsewhere)}.\n" if elsewhere else ""
    return template.substitute(
        release=release, components="\n".join(map(_line, items)), places=places or "none", missing=missing
    )


def _line(item: Item) -> str:
    size = filesizeformat(item.version.bytes.size).replace("\xa0", " ") if item.file else "not contained"
    return f"| {item.stage} | {item.name} | {item.version.package.name} | {item.version.version} | {size} |"
