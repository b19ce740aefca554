"""Why Confluence could not be asked, or did not do it: a few kinds that the caller treats differently, each with a
sentence that says what to do.

No sentence holds more of an address than its host, or a secret.
"""


class ConfluenceFailed(Exception):
    """Carries a sentence for administrators. Each kind of failure is a class of its own below."""

    def __init__(self, sentence: str, *, retry_after: int | None = None) -> None:
        """retry_after: seconds after which Confluence wants to be asked again; None where it does not say."""
        super().__init__(sentence)
        self.sentence = sentence
        self.retry_after = retry_after


class Away(ConfluenceFailed):
    """It cannot be reached, is too slow or out of order: the whole connection waits."""


class TooMany(Away):
    """It wants to be asked less often: the whole connection waits."""


class SignInRefused(ConfluenceFailed):
    """It does not let the account in: nothing works until somebody changes the connection."""


class Gone(ConfluenceFailed):
    """It no longer has what is asked for at this address (410): most often the other kind of Confluence is meant."""


class NotAllowed(ConfluenceFailed):
    """The account may not do this (403), with this page or in this space."""


class NotFound(ConfluenceFailed):
    """It is not there, or is hidden from the account (404): the two cannot be told apart."""


class Conflict(ConfluenceFailed):
    """Somebody else has just written (409): read again and repeat."""


class TitleTaken(ConfluenceFailed):
    """Another page has the title, which is never touched."""


class Refused(ConfluenceFailed):
    """It does not accept what was sent, or answers like something that is no Confluence."""


def unreachable(host: str, reason: str) -> Away:
    return Away(
        f"{host} cannot be reached: {reason}. It is tried again by itself; if that does not help, check the address of the"
        " connection, and that this machine may connect to it."
    )


def slow(host: str) -> Away:
    return Away(f"{host} has not answered in time. It is tried again by itself.")


def out_of_order(host: str, status: int, retry_after: int | None) -> Away:
    return Away(f"{host} is out of order (HTTP {status}). It is tried again by itself.", retry_after=retry_after)


def too_many(host: str, retry_after: int | None) -> TooMany:
    return TooMany(
        f"{host} is asked too often (HTTP 429). It is tried again by itself, later.", retry_after=retry_after
    )


def sign_in_refused(host: str) -> SignInRefused:
    return SignInRefused(
        f"{host} does not accept the user name and token of this connection (HTTP 401). The token may have expired: create"
        " a new one there and enter it here."
    )


def locked_out(host: str) -> SignInRefused:
    return SignInRefused(
        f"{host} wants a person to sign in with this account before it lets programs in again (CAPTCHA). Sign in there once"
        " with a browser, then save the connection."
    )


def not_allowed(host: str) -> NotAllowed:
    return NotAllowed(
        f"{host} does not allow this account to do that (HTTP 403). Give the account the right to add and edit pages in the"
        " space, and check whether somebody has restricted the page."
    )


def not_found(host: str) -> NotFound:
    return NotFound(
        f"{host} knows nothing at that address, or does not show it to this account (HTTP 404). Check the address of the"
        " connection, its kind, the space and the parent page."
    )


def gone(host: str) -> Gone:
    return Gone(
        f"{host} no longer has what was asked for (HTTP 410). Check which kind of Confluence it is: the Cloud has taken away"
        " what Data Center still offers."
    )


def conflict(host: str) -> Conflict:
    return Conflict(f"Somebody else keeps writing on the page at {host} (HTTP 409). It is tried again by itself.")


def title_exists(host: str) -> TitleTaken:
    return TitleTaken(
        f"{host} has a page with this title already (HTTP 400), which this account does not see: it is restricted or"
        " archived. Rename that page, let the account see it, or change the title here."
    )


def too_large(host: str) -> Refused:
    return Refused(f"{host} does not take a page of this size (HTTP 413). Shorten the notes of the releases on it.")


def refused(host: str, status: int, said: str) -> Refused:
    detail = f": “{said}”" if said else ""
    return Refused(f"{host} does not accept what was sent (HTTP {status}){detail}. Ask whoever runs Signalbox.")


def redirected(host: str, other: str) -> Refused:
    return Refused(
        f"{host} points to {other}, which is not asked: it would see the token of this connection. If Confluence is at"
        f" {other}, enter its address there."
    )


def unreadable(host: str, what: str) -> Refused:
    return Refused(f"{host} answers, but with {what}. Check the address of the connection and its kind.")
