"""Confluence's storage format: XHTML with elements of its own, as text that was parsed before anybody sends it.

Built as a tree, so that what people wrote is escaped as XML wherever it lands; what XML cannot hold is left out.
The elements are described in Atlassian's “Confluence Storage Format”; which of them survive was tried out.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from xml.etree.ElementTree import Element, register_namespace, tostring

from defusedxml import ElementTree as Reading
from django.utils.formats import date_format
from django.utils.timezone import localtime

from registry.builds import is_web_address

AC, RI = "http://atlassian.com/content", "http://atlassian.com/resource/identifier"
_SPACES = {"ac": AC, "ri": RI}
for _prefix, _address in _SPACES.items():
    register_namespace(_prefix, _address)
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 §2.2
_ROOT = re.compile(r"\A<page[^>]*>(.*)</page>\Z", re.DOTALL)

Part: TypeAlias = "Element | str"


@dataclass(frozen=True)
class Word:
    """A state in a word and a colour; the word alone says it as well."""

    text: str
    colour: str


GREEN, YELLOW, RED, GREY, BLUE = "Green", "Yellow", "Red", "Grey", "Blue"


def plain(text: str) -> str:
    """The text without what XML cannot hold, nor marks that would turn the writing around them."""
    kept = _NOT_IN_XML.sub("", text)
    return "".join(one for one in kept if unicodedata.bidirectional(one) not in ("LRE", "RLE", "LRO", "RLO"))


def element(tag: str, *parts: Part, **attributes: str) -> Element:
    """`tag` as “p” or “ac:link”. Attributes are written with “__” for “:” and “_” for “-”."""
    made = Element(_named(tag), {_attribute(name): plain(value) for name, value in attributes.items()})
    for part in parts:
        append(made, part)
    return made


def append(to: Element, part: Part) -> None:
    """At its end, be it text or an element."""
    if isinstance(part, Element):
        to.append(part)
    elif len(to):
        to[-1].tail = (to[-1].tail or "") + plain(part)
    else:
        to.text = (to.text or "") + plain(part)


def written(parts: Iterable[Part]) -> str:
    """The parts as the text of a page. Raises ValueError for what is no well-formed XML, which is never sent."""
    text = tostring(element("page", *parts), encoding="unicode")
    Reading.fromstring(text)
    inside = _ROOT.match(text)
    return inside[1] if inside else ""


def well_formed(body: str) -> str:
    """The same text, once it has been parsed. Raises ValueError where it is no well-formed XML."""
    try:
        Reading.fromstring(f'<page xmlns:ac="{AC}" xmlns:ri="{RI}">{body}</page>')
    except Reading.ParseError as error:
        raise ValueError(f"a page is no well-formed XML: {error}") from error
    return body


# -- what pages are made of -------------------------------------------------------------------------------------------


def macro(name: str, parameters: dict[str, str] | None = None, body: Iterable[Part] | None = None) -> Element:
    """A macro of Confluence's own."""
    made = element("ac:structured-macro", ac__name=name)
    for key, value in (parameters or {}).items():
        made.append(element("ac:parameter", value, ac__name=key))
    if body is not None:
        made.append(element("ac:rich-text-body", *body))
    return made


def lozenge(word: Word) -> Element:
    """The word in a coloured box. Confluence's own spelling of the parameter is British."""
    return macro("status", {"colour": word.colour, "title": word.text})


def included(title: str, space: str) -> Element:
    """The whole page of this title, shown here."""
    page = element("ri:page", ri__space_key=space, ri__content_title=title)
    made = macro("include")
    made.append(element("ac:parameter", element("ac:link", page), ac__name=""))
    return made


def properties(id: str, rows: Iterable[tuple[str, Iterable[Part]]]) -> Element:
    """A table of facts that Confluence's report of page properties can read."""
    return macro("details", {"id": id}, [facts(rows)])


def facts(rows: Iterable[tuple[str, Iterable[Part]]]) -> Element:
    lines = [element("tr", element("th", name), element("td", *value)) for name, value in rows]
    return element("table", element("tbody", *lines))


def table(head: Iterable[str], rows: Iterable[Iterable[Iterable[Part]]]) -> Element:
    """The first cell of each row names it."""
    lines = [element("tr", *(element("th", name) for name in head))]
    for row in rows:
        first, *others = row
        lines.append(element("tr", element("th", *first), *(element("td", *cell) for cell in others)))
    return element("table", element("tbody", *lines))


def items(rows: Iterable[Iterable[Part]]) -> Element:
    return element("ul", *(element("li", *row) for row in rows))


def link(text: str, address: str) -> Part:
    """The text alone where there is no address that a page may link to."""
    return element("a", text, href=address) if is_web_address(address) else text


def moment(at: datetime) -> str:
    """ "23 November 2025, 14:05 UTC"; at: aware."""
    local = localtime(at)
    return f"{date_format(local, 'j F Y, H:i')} {local.tzname() or ''}".rstrip()


def _named(tag: str) -> str:
    prefix, _, name = tag.rpartition(":")
    return f"{{{_SPACES[prefix]}}}{name}" if prefix else name


def _attribute(name: str) -> str:
    return _named(name.replace("__", ":").replace("_", "-"))
