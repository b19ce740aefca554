"""What is wrong with a feed, a package of an outside one or a manifest source, before it is stored. Forms and files ask
alike."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from registry import feeds, filenames
from registry.models import Feed
from registry.models.packages import NAME_PATTERN
from registry.refusals import RegistryRefused
from registry.sources import COMPONENT

_NAME = re.compile(NAME_PATTERN)


def why_not_feed(row: Feed, kind: str) -> Iterator[tuple[str, str]]:
    """Field and sentence for everything that speaks against the feed as it is filled in.

    kind  the kind that is wanted, which an existing feed keeps
    """
    if row.pk and row.kind != kind:
        yield "kind", f"{row} is a {row.get_kind_display()} and stays one. Connect another feed for the other kind."
    if kind == Feed.Kind.BUILTIN:
        yield "kind", "There is one built-in feed, and it needs no address. Choose what kind of store this one is."
    elif sentence := feeds.why_not_an_address(row.url):
        yield "url", sentence
    if row.username and not row.secret:
        yield "secret", "A user name needs its password. Enter it, or leave both empty."


def why_not_sent_to(after: str, before: str) -> str | None:
    """A sentence if a password or token that was entered for the address `before` must not go to the address `after`:
    whoever may change an address could otherwise have it sent to a place of their own."""
    if _origin(after) == _origin(before):
        return None
    return (
        f"The password or token was entered for {urlsplit(before).netloc.rpartition('@')[2]} and is sent nowhere else. Enter"
        " the one for the new address."
    )


def why_not_package_name(feed: Feed, name: str) -> str | None:
    """A sentence if no package of this feed can be called so."""
    if not feed.is_builtin:
        return feeds.why_not_a_name(feed.kind, name) or _why_not_stored(name)
    try:
        filenames.package_name(name)
    except RegistryRefused as refusal:
        return str(refusal)
    return None


def why_not_source(feed: Feed, name: str) -> Iterator[tuple[str, str]]:
    """Field and sentence for everything that speaks against a manifest source that places components in this feed.

    name  what the feed calls them, with {component} for their own name
    """
    if feed.is_builtin:
        yield "feed", f"{feed} is where CI pushes to, and nothing is looked up there. Choose an outside store."
    if not _NAME.fullmatch(name.replace(COMPONENT, "x")):
        yield (
            "name",
            f"“{name}” makes no name of a package. Use letters, digits and . _ : / - and, for the component's own name,"
            f" {COMPONENT}: for example com.example:{COMPONENT}.",
        )


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(url)
        origin = parts.scheme, parts.hostname, parts.port
    except ValueError:
        return None
    return origin


def _why_not_stored(name: str) -> str | None:
    """Some feeds allow names that begin otherwise, which Signalbox does not keep."""
    if _NAME.fullmatch(name):
        return None
    return f"“{name}” does not begin with a letter or a digit, as every name of a package has to."
