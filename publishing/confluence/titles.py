"""What pages are called: patterns with names in braces, and what may stand in them."""

import re
from collections.abc import Mapping

from publishing.confluence.storage_format import plain
from publishing.models import Publication, StackPublishing

LONGEST = 255
KIND = Publication.Kind
PATTERN_OF = {
    KIND.COMPONENT: "component_title",
    KIND.ENVIRONMENT: "environment_title",
    KIND.STACK: "stack_title",
    KIND.RELEASE: "release_title",
}
MAY_HOLD = {
    KIND.COMPONENT: ("component", "environment", "stack"),
    KIND.ENVIRONMENT: ("environment", "stack"),
    KIND.STACK: ("stack",),
    KIND.RELEASE: ("release", "stack"),
}
MUST_HOLD = {
    KIND.COMPONENT: ("component", "environment"),
    KIND.ENVIRONMENT: ("environment",),
    KIND.STACK: (),
    KIND.RELEASE: ("release",),
}
"""Otherwise two pages of one stack would have the same title."""
_BRACES = re.compile(r"\{([^{}]*)\}")


def why_not_pattern(kind: str, pattern: str) -> str | None:
    """The sentence that says what is wrong with a title pattern; None: nothing."""
    allowed, needed = MAY_HOLD[KIND(kind)], MUST_HOLD[KIND(kind)]
    named = _BRACES.findall(pattern)
    words = ", ".join(f"{{{name}}}" for name in allowed)
    if unknown := [name for name in named if name not in allowed]:
        return f"{{{unknown[0]}}} stands for nothing here. Use {words}."
    if re.search(r"[{}]", _BRACES.sub("", pattern)):
        return f"A brace is not closed or not opened. Use {words}."
    if missing := [name for name in needed if name not in named]:
        return f"{{{missing[0]}}} is missing, so that several pages would have this title. Add it."
    if not pattern.strip():
        return f"A page needs a title. Use {words} and words of your own."
    return None


def title_of(publishing: StackPublishing, kind: str, names: Mapping[str, str]) -> str:
    """The title by the pattern that counts for this kind; names: what stands for what."""
    pattern: str = getattr(publishing, PATTERN_OF[KIND(kind)])
    filled = _BRACES.sub(lambda found: names.get(found[1], ""), pattern)
    title = " ".join(plain(filled).split())
    return title if len(title) <= LONGEST else f"{title[: LONGEST - 1]}…"


def title_for(publication: Publication) -> str:
    """Needs its project with the parent, its environment, release and publishing."""
    project = publication.project
    names = {"component": project.name, "stack": (project.parent or project).name}
    if publication.environment is not None:
        names["environment"] = publication.environment.name
    if publication.release is not None:
        names["release"] = publication.release.number
    return title_of(publication.publishing, publication.kind, names)
