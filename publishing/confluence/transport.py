"""Requests to one Confluence site: signed in, with time-outs and bounded answers, and every failure a sentence.

atlassian-python-api carries the requests and signs them in; what its own methods make of pages is not used (they
write needless versions and lose errors on the way). It reads answers whole and follows redirects by itself, so it is
given a session that bounds the one and refuses the other. Nothing is tried twice here: whoever asks decides that.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from atlassian.rest_client import AtlassianRestAPI

from config.retry_after import seconds_from
from publishing.confluence import failures
from publishing.confluence.failures import ConfluenceFailed
from publishing.models import Connection
from registry.feeds.deadline import Deadline, WatchedAdapter

CONNECT_SECONDS, READ_SECONDS = 5, 20
VISIT_SECONDS = 45
"""What one visit may take at most, all its requests together."""
ANSWER_MAX_BYTES = 16 * 1024 * 1024
SAID_MAX_LENGTH = 200
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Access:
    """Where a site is, and as whom it is asked. `base`: without “/” at the end, and of Cloud without “/wiki”."""

    base: str
    username: str = ""
    secret: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.base).netloc.rpartition("@")[2]


def access_to(connection: Connection) -> Access:
    """Raises CannotDecrypt."""
    return Access(connection.base, connection.username, connection.plaintext)


class _Session(requests.Session):
    """Stays with the site it was sent to, and reads no answer longer than the limit."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        kwargs |= {"stream": True, "allow_redirects": False, "timeout": (CONNECT_SECONDS, READ_SECONDS)}
        response = super().send(request, **kwargs)
        body = bytearray()
        for piece in response.iter_content(_CHUNK):
            body += piece
            if len(body) > ANSWER_MAX_BYTES:
                response.close()
                raise _TooLong
        response._content = bytes(body)  # requests has no other way to hand over what was read by somebody else
        return response


class _TooLong(requests.RequestException):
    pass


class Transport:
    """One visit to a site. `with Transport(access) as site:` ends whatever is still under way."""

    def __init__(self, access: Access, seconds: float = VISIT_SECONDS) -> None:
        self.access = access
        self._deadline = Deadline(seconds)
        session = _Session()
        for scheme in ("https://", "http://"):
            session.mount(scheme, WatchedAdapter(self._deadline))
        session.headers["User-Agent"] = "Signalbox"
        credentials: dict[str, Any] = (
            {"username": access.username, "password": access.secret} if access.username else {"token": access.secret}
        )
        self._site = AtlassianRestAPI(access.base, session=session, retry_with_header=False, **credentials)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._site.close()
        self._deadline.close()

    @property
    def host(self) -> str:
        return self.access.host

    def ask(
        self, method: str, path: str, params: Mapping[str, str] | None = None, body: object = None
    ) -> dict[str, Any]:
        """The JSON object that is answered; {} where nothing is. Raises ConfluenceFailed."""
        response = self._sent(method, path, params, body)
        if not 200 <= response.status_code < 300:
            raise self._failure(response)
        if not response.content:
            return {}
        found = self._json(response)
        if not isinstance(found, dict):
            raise failures.unreadable(self.host, "something that is no page")
        return found

    def _sent(self, method: str, path: str, params: Mapping[str, str] | None, body: object) -> requests.Response:
        try:
            response = self._site.request(
                method,
                path,
                params=dict(params) if params else None,
                json=None,
                data=body,  # type: ignore[arg-type]  # lists are written as JSON as well
                advanced_mode=True,
                allow_redirects=False,
            )
        except _TooLong:
            raise failures.unreadable(self.host, f"more than {ANSWER_MAX_BYTES // 1024**2} MB") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._what_happened(error) from None
        if self._deadline.is_over:  # what it shuts ends like an answer that is complete
            raise failures.slow(self.host)
        return response

    def _what_happened(self, error: Exception) -> ConfluenceFailed:
        if self._deadline.is_over or isinstance(error, requests.Timeout):
            return failures.slow(self.host)
        if isinstance(error, requests.exceptions.SSLError):
            return failures.unreachable(self.host, "its certificate is not trusted")
        if isinstance(error, UnicodeError):  # a header with characters that cannot be sent
            return failures.SignInRefused(
                "The user name or token of this connection holds characters that cannot be sent."
            )
        return failures.unreachable(self.host, "nothing answers there")

    def _json(self, response: requests.Response) -> Any:
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError):
            raise failures.unreadable(self.host, "something that is not JSON, such as a page for people") from None

    def _failure(self, response: requests.Response) -> ConfluenceFailed:  # noqa: PLR0911 - one answer for each status
        status, said = response.status_code, self._said(response)
        if status == 401:
            return failures.sign_in_refused(self.host)
        if status == 403 and "CAPTCHA" in response.headers.get("X-Authentication-Denied-Reason", ""):
            return failures.locked_out(self.host)
        if status == 429:
            return failures.too_many(self.host, _retry_after(response))
        if status >= 500:
            return failures.out_of_order(self.host, status, _retry_after(response))
        if 300 <= status < 400:
            other = urlsplit(response.headers.get("Location", "")).netloc.rpartition("@")[2]
            return failures.redirected(self.host, other or "another address")
        if status == 400 and _says_that_the_title_exists(said):
            return failures.title_exists(self.host)
        plain = {
            403: failures.not_allowed,
            404: failures.not_found,
            409: failures.conflict,
            410: failures.gone,
            413: failures.too_large,
        }
        return plain[status](self.host) if status in plain else failures.refused(self.host, status, said)

    def _said(self, response: requests.Response) -> str:
        """What it says is wrong, on one bounded line and without our token."""
        try:
            found = json.loads(response.content)
        except (ValueError, RecursionError):
            return ""
        errors = found.get("errors") if isinstance(found, dict) else None
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else found
        texts = [first.get(name) for name in ("title", "message", "detail")] if isinstance(first, dict) else []
        said = " ".join(" ".join(text.split()) for text in texts if isinstance(text, str))
        if self.access.secret:
            said = said.replace(self.access.secret, "***")
        return "".join(character for character in said if character.isprintable())[:SAID_MAX_LENGTH]


def _retry_after(response: requests.Response) -> int | None:
    return seconds_from(response.headers.get("Retry-After", ""))


def _says_that_the_title_exists(said: str) -> bool:
    """Both kinds say so with 400 and in English: “A page with this title already exists: …”."""
    return "title" in said.lower() and "already exist" in said.lower()
