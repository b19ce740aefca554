"""What is wrong with a connection or with the publishing of a stack, before it is stored. Forms ask here."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from projects.models import Project
from publishing.confluence import titles
from publishing.models import Connection, StackPublishing

CLOUD_HOST = ".atlassian.net"
GATEWAY = "api.atlassian.com"


def why_not_connection(row: Connection) -> Iterator[tuple[str, str]]:
    """Field and sentence for everything that speaks against the connection as it is filled in."""
    if sentence := why_not_address(row.url):
        yield "url", sentence
    elif sentence := _why_not_kind(row):
        yield "dialect", sentence
    if row.is_cloud and not row.username:
        yield "username", "Confluence Cloud signs in with the e-mail address of the account and an API token. Enter it."
    if not row.secret:
        yield "secret", "Enter the token or password that the account signs in with."


def why_not_address(url: str) -> str | None:
    """A sentence if `url` cannot be the address of a Confluence site."""
    whole = "Enter the whole address of the site, beginning with https:// or http://."
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        return whole
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return whole
    if not is_plain or not (parts.hostname or "").isascii():
        return whole
    if "@" in parts.netloc:
        return "The address holds a user name or a password. Enter these in their own fields, where they are kept safe."
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        return "The address of a site has neither “?” nor “#” in it. Enter it up to there."
    return None


def why_not_publishing(row: StackPublishing, project: Project | None) -> Iterator[tuple[str, str]]:
    """The same for the publishing of a stack. project: None where none was chosen, which has been said."""
    if project is not None and project.kind == Project.Kind.COMPONENT:
        yield (
            "project",
            f"{project} is a component of {project.parent}. Configure the publishing of {project.parent}: it covers its"
            " components.",
        )
    for kind, name in titles.PATTERN_OF.items():
        if sentence := titles.why_not_pattern(kind, getattr(row, name)):
            yield name, sentence
    if row.environment_pages and not row.component_pages:
        yield (
            "environment_pages",
            "The page per environment shows the pages per component: have these published as well, or neither.",
        )


def _why_not_kind(row: Connection) -> str | None:
    host = urlsplit(row.url).hostname or ""
    in_cloud = host.endswith(CLOUD_HOST) or host == GATEWAY
    if in_cloud and not row.is_cloud:
        return f"{host} is Confluence Cloud. Choose that kind."
    return None
