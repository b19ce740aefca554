"""How the demo reads what was published, as people do who never sign in to the portal: pages of Confluence, in a browser."""

from __future__ import annotations

import time
from html.parser import HTMLParser
from urllib.parse import quote_plus

import requests

from examples.patient_portal.visiting import TIMEOUT, Unexpected

SPACE = "REL"
SHOWN_WITHIN = 20  # seconds from a success until its page says so


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found += data.split()


def waits_for(url: str, title: str, *expected: str) -> str:
    """The words of the page with this title at the Confluence at `url`, once it says everything that is expected.

    Raises Unexpected with what it says instead.
    """
    until = time.monotonic() + SHOWN_WITHIN
    words = ""
    while time.monotonic() < until:
        words = _words(f"{url}/display/{SPACE}/{quote_plus(title)}")
        if all(phrase in words for phrase in expected):
            return words
        time.sleep(0.2)
    missing = ", ".join(f"“{phrase}”" for phrase in expected if phrase not in words)
    raise Unexpected(f"The page “{title}” does not say {missing} within {SHOWN_WITHIN} seconds, but: {words[:600]}")


def _words(address: str) -> str:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(address, timeout=TIMEOUT)
    reader = _Words()
    reader.feed(answer.text)
    return " ".join(reader.found)
