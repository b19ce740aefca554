"""Pages as people read them."""

import html
import re
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

BLOCK = re.compile(r"</(?:dt|dd|li|th|td|div|p|h[1-6])>")


def opened(client: Client, name: str, *args: object, **query: str) -> HttpResponse:
    """The page with this name, and these parts and parameters of its address."""
    return client.get(reverse(f"portal:{name}", args=args), query)


def said(response: Any) -> str:
    """The words of the page's main part, without markup, one space between them."""
    (main,) = re.findall(r"<main.*?</main>", response.content.decode(), re.DOTALL) or [response.content.decode()]
    return words(main)


def words(markup: str) -> str:
    """What is left without tags; where a block ends, so does a word."""
    markup = BLOCK.sub(" ", markup)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", markup)).split())


def errors_of(response: Any) -> list[str]:
    """The sentences of the summary of errors."""
    summary = response.content.decode().partition('<div class="errors"')[2].partition("</ul>")[0]
    return [words(item) for item in re.findall(r"<li>.*?</li>", summary, re.DOTALL)]


def title_of(response: Any) -> str:
    """The one heading that says what the page is about."""
    (heading,) = re.findall(r"<h1>.*?</h1>", response.content.decode(), re.DOTALL)
    return words(heading)


def buttons_of(response: Any) -> list[str]:
    """The words of every button and of every link that looks like one, in the main part."""
    (main,) = re.findall(r"<main.*?</main>", response.content.decode(), re.DOTALL)
    found = re.findall(r'<(?:button|a) class="btn[^>]*>.*?</(?:button|a)>', main, re.DOTALL)
    return [words(button) for button in found]
