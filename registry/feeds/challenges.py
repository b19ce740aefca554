"""How a container registry wants to be asked: Basic, or with a token that is fetched from where it says.

RFC 7235 §4.1; distribution.github.io/distribution/spec/auth/token.
"""

import re
from urllib.parse import urlencode, urlsplit

from registry.feeds import failures
from registry.feeds.access import authorization_of, host_of
from registry.feeds.http import Answer, Visit

_LONGEST_HEADER = 4096
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PART = re.compile(rf'(?P<key>{_WORD})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>{_WORD}))|(?P<scheme>{_WORD})')
_TOKEN = re.compile(r"[\x21-\x7e]+")


def authorization_for(visit: Visit, refusal: Answer) -> str:
    """The value of the Authorization header that the registry's 401 asks for. Raises FeedFailed."""
    challenges = _challenges(refusal.headers.get("WWW-Authenticate", "")[:_LONGEST_HEADER])
    if "bearer" in challenges:
        return f"Bearer {_token(visit, challenges['bearer'])}"
    if "basic" in challenges and visit.access.username:
        return authorization_of(visit.access)
    raise visit.failure(refusal)


def _challenges(header: str) -> dict[str, dict[str, str]]:
    """Scheme → parameters, both in lower case; the first of each counts."""
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for part in _PART.finditer(header):
        if scheme := part["scheme"]:
            current = found.setdefault(scheme.lower(), {})
        else:
            quoted = part["quoted"]
            value = part["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            current.setdefault(part["key"].lower(), value)
    return found


def _token(visit: Visit, challenge: dict[str, str]) -> str:
    realm = challenge.get("realm", "")
    _refuse_where_credentials_would_leak(visit, realm)
    wanted = urlencode([(key, challenge[key]) for key in ("service", "scope") if key in challenge])
    address = f"{realm}{'&' if urlsplit(realm).query else '?'}{wanted}" if wanted else realm
    answer = visit.ask_as(address, authorization_of(visit.access))
    if answer.status != 200:
        raise visit.failure(answer)
    document = answer.json_object()
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise failures.unreadable(answer.host, "no token")
    return token


def _refuse_where_credentials_would_leak(visit: Visit, realm: str) -> None:
    """The realm gets the credentials, as with every client: with TLS, or where the registry itself has none, on its host."""
    where = visit.origin_stated(realm)
    if where.scheme == "https":
        return
    if visit.origin.scheme == "https" or where.host != visit.origin.host:
        raise failures.redirected(visit.host, host_of(realm))
