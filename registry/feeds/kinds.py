"""What every kind of feed is able to do."""

from collections.abc import Callable
from dataclasses import dataclass

from registry.feeds.http import Visit
from registry.feeds.listing import Listing


@dataclass(frozen=True)
class Kind:
    """One kind of feed: words for the administrator, and four functions. All but the first may raise FeedFailed."""

    label: str
    url_help: str
    name_help: str
    why_not_a_name: Callable[[str], str | None]
    list_versions: Callable[[Visit, str, str], Listing | None]
    """(visit, name, etag): None where the listing is still the one of that etag."""
    digest_of: Callable[[Visit, str, str], str]
    """(visit, name, version in the feed's own spelling)."""
    check: Callable[[Visit], None]
