"""Why a feed could not be asked: one exception, its codes, and a sentence for each that says what to do.

No sentence holds more of an address than its host, or anything that the feed has written: either could hold a secret.
"""

import time
from collections.abc import Mapping

from config import retry_after
from registry.refusals import RegistryRefused

UNREACHABLE = "feed-unreachable"
REFUSED = "feed-refused"
REDIRECTED = "feed-redirected"
UNREADABLE = "feed-unreadable"
TOO_LARGE = "feed-too-large"
SLOW = "feed-slow"
BUSY = "feed-busy"
PACKAGE_UNKNOWN = "package-unknown"
NAME_REFUSED = "name-refused"
ADDRESS_REFUSED = "address-refused"


class FeedFailed(RegistryRefused):
    """A feed gave no answer that can be used."""

    code = UNREACHABLE

    def __init__(self, sentence: str, *, code: str | None = None, retry_after: int | None = None) -> None:
        """retry_after: seconds after which a busy feed wants to be asked again; None where it does not say."""
        super().__init__(sentence, code=code)
        self.retry_after = retry_after


def address_refused(sentence: str) -> FeedFailed:
    return FeedFailed(sentence, code=ADDRESS_REFUSED)


def name_refused(sentence: str) -> FeedFailed:
    return FeedFailed(sentence, code=NAME_REFUSED)


def unreachable(host: str, reason: str) -> FeedFailed:
    return FeedFailed(
        f"{host} cannot be reached: {reason}. Check the address of the feed, and that this machine may connect to it.",
        code=UNREACHABLE,
    )


def unproven(host: str, reason: str) -> FeedFailed:
    return FeedFailed(
        f"{host} cannot be reached safely: {reason}. Have its certificate put right, or name the authorities that your"
        " organisation trusts in REQUESTS_CA_BUNDLE.",
        code=UNREACHABLE,
    )


def slow(host: str, seconds: float) -> FeedFailed:
    return FeedFailed(
        f"{host} has not answered within {seconds:g} seconds. Try again later; if that does not help, ask those who run"
        " the feed.",
        code=SLOW,
    )


def too_large(host: str, what: str) -> FeedFailed:
    return FeedFailed(
        f"{host} answers with more than {what}, which is not read to its end. Check the address of the feed and the"
        " name of the package.",
        code=TOO_LARGE,
    )


def redirected(host: str, other: str) -> FeedFailed:
    return FeedFailed(
        f"{host} points to {other}, which is not asked: it would see the credentials of this feed, or know a stranger’s"
        f" package of the same name. Check the name; if the feed itself is at {other}, enter its address there.",
        code=REDIRECTED,
    )


def in_circles(host: str) -> FeedFailed:
    return FeedFailed(f"{host} redirects again and again. Check the address of the feed.", code=REDIRECTED)


def refused(host: str, *, with_credentials: bool) -> FeedFailed:
    what = (
        "does not accept the credentials of this feed, or does not allow them this. Check the user name, the password or"
        " token, and what they may read."
        if with_credentials
        else "lets nobody in without credentials. Enter a user name and a password or token for this feed."
    )
    return FeedFailed(f"{host} {what}", code=REFUSED)


def unsendable(host: str) -> FeedFailed:
    return FeedFailed(
        f"The credentials for {host} hold characters that cannot be sent. Enter them again.",
        code=REFUSED,
    )


def unreadable(host: str, what: str) -> FeedFailed:
    return FeedFailed(
        f"{host} answers, but with {what}. Check the address of the feed and its kind.",
        code=UNREADABLE,
    )


def package_unknown(host: str, package: str) -> FeedFailed:
    return FeedFailed(
        f"{host} knows no “{package}”, or does not show it to this account. Check the name, and what the account may"
        " read.",
        code=PACKAGE_UNKNOWN,
    )


def busy(host: str, status: int, retry_after: int | None) -> FeedFailed:
    when = "later" if retry_after is None else f"in {retry_after} seconds"
    return FeedFailed(
        f"{host} is busy or out of order (HTTP {status}). Try again {when}.", code=BUSY, retry_after=retry_after
    )


def of_status(
    host: str, status: int, headers: Mapping[str, str], *, package: str, with_credentials: bool
) -> FeedFailed:
    """What a status that is no success means. package: what was asked for; empty where it was the feed itself."""
    if status == 429 or status >= 500 or (status == 403 and _has_used_up_its_share(headers)):
        return busy(host, status, _retry_after(headers))
    if status in (401, 403):
        return refused(host, with_credentials=with_credentials)
    if status in (404, 410) and package:
        return package_unknown(host, package)
    return unreadable(host, f"HTTP {status}")


def _has_used_up_its_share(headers: Mapping[str, str]) -> bool:
    """GitHub says 403 also where one has asked too often (docs.github.com, “Rate limits for the REST API”)."""
    return headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in headers


def _retry_after(headers: Mapping[str, str]) -> int | None:
    """Seconds, from Retry-After, else from GitHub's X-RateLimit-Reset."""
    if stated := headers.get("Retry-After", ""):
        return retry_after.seconds_from(stated)
    reset = headers.get("X-RateLimit-Reset", "")
    is_number = reset.isascii() and reset.isdigit() and len(reset) < 16
    return retry_after.bounded(int(reset) - time.time()) if is_number else None
