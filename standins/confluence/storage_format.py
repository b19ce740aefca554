"""Confluence's storage format: XHTML with two namespaces of its own, read strictly and rewritten when stored.

Documentation: “Confluence Storage Format”. The format knows the named entities of XHTML, and no document type.
"""

import re
import uuid
from html.entities import name2codepoint
from typing import Any
from xml.etree.ElementTree import Element, ParseError  # the types; parsing is defusedxml's

from defusedxml import ElementTree

from standins.serving import Refused

AC = "{http://atlassian.com/content}"
RI = "{http://atlassian.com/resource/identifier}"
DEEPEST = 100  # elements within elements

_OPENING = '<storage xmlns:ac="http://atlassian.com/content" xmlns:ri="http://atlassian.com/resource/identifier">'
_LITERAL = re.compile(r"(<!\[CDATA\[.*?\]\]>|<!--.*?-->)", re.DOTALL)
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XML_ENTITIES = {"amp", "lt", "gt", "quot", "apos"}
_ATTRIBUTES = r"""(?P<attributes>(?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)"""
_MACRO = re.compile(rf"<ac:structured-macro{_ATTRIBUTES}(?P<end>\s*/?>)")
_PAGE = re.compile(rf"<ri:page{_ATTRIBUTES}(?P<end>\s*/?>)")


def parse(body: str) -> Element:
    """The body as a tree below an element `storage`; raises Refused(400) in Confluence's words when it is not one."""
    try:
        tree: Element = ElementTree.fromstring(f"{_OPENING}{_without_named_entities(body)}</storage>")
    except ParseError as error:
        row, column = error.position
        place = f"[{row},{max(column - (len(_OPENING) if row == 1 else 0), 0) + 1}]"
        reason = str(error).partition(":")[0]
        raise Refused(400, f"Error parsing xhtml: {reason}\n at [row,col {{unknown-source}}]: {place}") from error
    except (ValueError, LookupError) as error:  # characters that XML cannot hold; whatever defusedxml forbids
        raise Refused(400, f"Error parsing xhtml: {error}") from error
    if _is_deeper(tree, DEEPEST):
        raise Refused(400, f"Error parsing xhtml: elements are nested more than {DEEPEST} deep")
    return tree


def stored(body: str, space: str) -> str:
    """The body as Confluence keeps it: macros get an id and a schema version, links within the space lose its key.

    A program that compares what it wrote with what it reads back therefore always finds a difference.
    """

    def rewritten(text: str) -> str:
        return _PAGE.sub(lambda found: _link(found, space), _MACRO.sub(_macro, text))

    return "".join(part if _LITERAL.fullmatch(part) else rewritten(part) for part in _LITERAL.split(body))


def text_of(element: Element) -> str:
    """All text inside, without markup, spaces collapsed."""
    return " ".join("".join(element.itertext()).split())


def parameters(macro: Element) -> dict[str, Element]:
    """The parameters of a macro by name; the unnamed one is called “”."""
    return {found.get(f"{AC}name", ""): found for found in macro.findall(f"{AC}parameter")}


def name_of(macro: Element) -> str:
    return str(macro.get(f"{AC}name", ""))


def macros(tree: Element, name: str) -> list[Element]:
    """Every macro of this name, in order."""
    return [found for found in tree.iter(f"{AC}structured-macro") if name_of(found) == name]


def _without_named_entities(body: str) -> str:
    def character(found: re.Match[str]) -> str:
        name = found[1]
        return found[0] if name in _XML_ENTITIES or name not in name2codepoint else chr(name2codepoint[name])

    parts = _LITERAL.split(body)
    return "".join(part if _LITERAL.fullmatch(part) else _ENTITY.sub(character, part) for part in parts)


def _macro(found: re.Match[str]) -> str:
    added = ""
    if "ac:schema-version" not in found["attributes"]:
        added += ' ac:schema-version="1"'
    if "ac:macro-id" not in found["attributes"]:
        added += f' ac:macro-id="{uuid.uuid4()}"'
    return f"<ac:structured-macro{found['attributes']}{added}{found['end']}"


def _link(found: re.Match[str], space: str) -> str:
    attributes = re.sub(rf"""\s+ri:space-key\s*=\s*["']{re.escape(space)}["']""", "", found["attributes"])
    return f"<ri:page{attributes}{found['end']}"


def _is_deeper(tree: Element, limit: int) -> bool:
    """Whether elements nest deeper than that; without recursion, which hostile depth would exhaust."""
    level: list[Any] = [tree]
    for _ in range(limit + 1):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True
