"""Where people read a commit or a work item of a project: by its own pattern, else by its stack's."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from projects.models import Project
from registry.builds import is_identifier, is_web_address

COMMIT, WORK_ITEM = "{commit}", "{id}"

EXAMPLES = {
    COMMIT: "https://git.example.com/patient-ui/commit/{commit}",
    WORK_ITEM: "https://jira.example.com/browse/{id}",
}
_BRACES = re.compile(r"[{}]")


@dataclass(frozen=True)
class Links:
    """Two patterns; an empty one leads nowhere."""

    commit_url: str = ""
    work_item_url: str = ""

    def to_commit(self, id: str) -> str:
        """The address of this commit; empty where none is known."""
        return _filled(self.commit_url, COMMIT, id)

    def to_work_item(self, id: str) -> str:
        """The address of this work item; empty where none is known. “#12” is how people write number 12."""
        return _filled(self.work_item_url, WORK_ITEM, id.removeprefix("#"))


NOWHERE = Links()


def why_not_pattern(pattern: str, mark: str) -> str | None:
    """The sentence that says what is wrong with a pattern in which `mark` stands for the id; None: nothing, or it is
    empty."""
    if not pattern:
        return None
    if pattern.count(mark) != 1 or not is_web_address(pattern.replace(mark, "1")):
        return f"State an address that begins with https:// or http:// and holds {mark} once, for example {EXAMPLES[mark]}."
    if _BRACES.search(pattern.replace(mark, "")):
        return f"Only {mark} may stand in braces here, for example {EXAMPLES[mark]}."
    if not _leads_to_one_host(pattern, mark):
        return f"{mark} belongs behind the name of the server, for example {EXAMPLES[mark]}."
    return None


def links_of(project: Project | None) -> Links:
    """The patterns that count for this project. No query where its `parent` is loaded."""
    if project is None:
        return NOWHERE
    stack = links_of(project.parent)
    return Links(project.commit_url or stack.commit_url, project.work_item_url or stack.work_item_url)


def links_of_first(projects: Iterable[Project]) -> Links:
    """The patterns of the first of these projects that has any: of a package that several projects hold."""
    return next((links for project in projects if (links := links_of(project)) != NOWHERE), NOWHERE)


def _leads_to_one_host(pattern: str, mark: str) -> bool:
    """Whatever the id is, so that nobody who may push sends readers elsewhere."""
    return mark not in urlsplit(pattern).netloc


def _filled(pattern: str, mark: str, id: str) -> str:
    return pattern.replace(mark, quote(id, safe="")) if pattern and is_identifier(id) else ""
