"""What the page of a version says about the build that made it."""

from dataclasses import dataclass

from accounts.models import User
from projects.access import Act, projects_for
from projects.links import links_of_first
from registry import evidence
from registry.models import BuildInformation, PackageVersion
from releases import changes
from releases.changes import Commit, WorkItem


@dataclass(frozen=True)
class BuildPage:
    facts: BuildInformation
    commit_url: str  # empty: no address is known
    commits: list[Commit]  # empty where the build lists none beside its own
    work_items: list[WorkItem]


def build_page(version: PackageVersion, user: User) -> BuildPage | None:
    """The build that counts, its addresses by the patterns of the projects that this person may look into; None where
    nothing is known."""
    facts = evidence.build_of(version)
    if facts is None:
        return None
    holders = projects_for(user, Act.SEE_TECHNICAL).filter(packages=version.package).select_related("parent")
    links = links_of_first(holders)
    return BuildPage(
        facts=facts,
        commit_url=links.to_commit(facts.commit),
        commits=changes.commits_of(facts, links) if facts.commits else [],
        work_items=changes.work_items_of(facts, links),
    )
