"""How the demo visits a running portal: pages as a browser does, the API as a pipeline does. HTTP and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

TIMEOUT = 45  # seconds; longer than the longest wait that the API is asked for


class Unexpected(Exception):
    """Something is not as the demo claims; carries one sentence."""


@dataclass
class Form:
    """A form of a page: where it goes, the values that it carries, and the names that a person can fill in."""

    action: str = ""
    values: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(attributes.get("action", "")))
            self._open = True
        elif self._open and tag in ("input", "button", "select", "textarea") and attributes.get("name"):
            self._control(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False

    def _control(self, tag: str, attributes: dict[str, str]) -> None:
        self.found[-1].names.add(attributes["name"])
        if tag == "input" and attributes.get("type") == "hidden":
            self.found[-1].values[attributes["name"]] = attributes.get("value", "")


def form_with(html: str, name: str) -> Form:
    """The first form of the page that has a field `name`; raises Unexpected."""
    parser = _Forms()
    parser.feed(html)
    for form in parser.found:
        if name in form.names:
            return form
    raise Unexpected(f"The page has no form with a field {name!r}.")


class Person:
    """Somebody with a browser: a session, its cookies, and forms that are sent back with what they carry."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.username = username
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False  # the portal is on this machine: no proxy, no .netrc
        self.submit("/sign-in/", "password", username=username, password=password)
        if "/sign-in/" in self._open("/").url:
            raise Unexpected(f"{username} could not sign in.")

    def submit(self, path: str, needed: str, **entered: str) -> requests.Response:
        """Open the page, fill in its form that has a field `needed`, send it; raises Unexpected when it is refused."""
        page = self._open(path)
        form = form_with(page.text, needed)
        answer = self._session.post(
            urljoin(page.url, form.action), data=form.values | entered, headers={"Referer": page.url}, timeout=TIMEOUT
        )
        return _fine(answer, f"{self.username} sent the form of {path}")

    def leave(self) -> None:
        """Close the browser."""
        self._session.close()

    def _open(self, path: str) -> requests.Response:
        return _fine(self._session.get(urljoin(self._url, path), timeout=TIMEOUT), f"{self.username} opened {path}")


class Pipeline:
    """A pipeline with a token, at the portal's API."""

    def __init__(self, url: str, token: str) -> None:
        self._api = f"{url}/api/v1"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON at `path` below /api/v1; raises Unexpected with the portal's sentence when it is refused."""
        return self._read(path, **query).json()

    def text(self, path: str) -> str:
        """The plain text at `path`."""
        return self._read(path).text

    def post(self, path: str, **content: str) -> Any:
        """What the portal answers to the JSON object `content`."""
        return _fine(self._session.post(self._api + path, json=content, timeout=TIMEOUT), f"POST {path}").json()

    def leave(self) -> None:
        """Close the connections."""
        self._session.close()

    def _read(self, path: str, **query: str | int) -> requests.Response:
        return _fine(self._session.get(self._api + path, params=query, timeout=TIMEOUT), f"GET {path}")


def _fine(answer: requests.Response, what: str) -> requests.Response:
    if answer.ok:
        return answer
    said = answer.text[:300]
    if "json" in answer.headers.get("Content-Type", ""):
        said = str(answer.json().get("sentence", said))
    raise Unexpected(f"{what} and was answered {answer.status_code}: {said}")
