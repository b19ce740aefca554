"""What is wrong with a feed, or with a package of an outside one, before it is stored. Forms and files ask alike."""

from collections.abc import Iterator

from registry import feeds, filenames
from registry.models import Feed
from registry.refusals import RegistryRefused


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


def why_not_package_name(feed: Feed, name: str) -> str | None:
    """A sentence if no package of this feed can be called so."""
    if not feed.is_builtin:
        return feeds.why_not_a_name(feed.kind, name)
    try:
        filenames.package_name(name)
    except RegistryRefused as refusal:
        return str(refusal)
    return None
