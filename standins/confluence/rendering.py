"""Shows a page's storage format as HTML: what is known is let through, all else becomes text or a box that says so.

Pages are written by programs and people, so nothing in them is trusted: elements and attributes are copied from lists of
what is allowed, text is escaped, and addresses are looked at before they become links.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from html import escape
from urllib.parse import quote_plus, urlsplit
from xml.etree.ElementTree import Element  # the type; parsing is defusedxml's

from standins.confluence import storage_format
from standins.confluence.accounts import PERSON
from standins.confluence.content import Page
from standins.confluence.storage_format import AC, RI, name_of, parameters, text_of
from standins.confluence.wiki import Wiki
from standins.serving import Refused

ELEMENTS = frozenset({
    "a", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "i", "ins", "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup", "table", "tbody", "td",
    "tfoot", "th", "thead", "time", "tr", "u", "ul",
})  # fmt: skip
EMPTY = frozenset({"br", "hr"})
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
WITHOUT_CONTENT = frozenset({"script", "style", "iframe", "object", "embed", "template", "noscript", "svg", "math"})
ATTRIBUTES = {
    "colspan": r"[1-9]\d{0,2}",
    "rowspan": r"[1-9]\d{0,2}",
    "scope": "row|col|rowgroup|colgroup",
    "start": r"\d{1,6}",
}
PANELS = {"info": "Info", "note": "Note", "warning": "Warning", "tip": "Tip", "panel": ""}
COLOURS = frozenset({"grey", "red", "yellow", "green", "blue", "purple"})
MOST_INCLUDES = 100  # in one page, however they are nested
MOST_ROWS = 200  # of a report


@dataclass
class Allowance:
    """How many pages may still be included, and which ids are in use: shared by everything that is shown together."""

    includes: int = MOST_INCLUDES
    anchors: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Rendering:
    """One page that is being shown. `within`: the ids of the pages that include it, and its own."""

    wiki: Wiki
    page: Page
    within: tuple[str, ...]
    allowance: Allowance = field(default_factory=Allowance)


def shown(wiki: Wiki, page: Page, body: str | None = None) -> str:
    """The page as HTML, or another `body` in its place (an older version)."""
    try:
        return _body(Rendering(wiki, page, (page.id,)), page.body if body is None else body)
    except RecursionError:
        return _trouble("This page cannot be shown: too much is nested in it.")


def _body(rendering: Rendering, body: str) -> str:
    try:
        return _children(rendering, storage_format.parse(body))
    except Refused as refused:
        return _trouble(f"This page cannot be shown: {refused}")


def _children(rendering: Rendering, element: Element) -> str:
    parts = [escape(element.text or "")]
    for child in element:
        parts += [_element(rendering, child), escape(child.tail or "")]
    return "".join(parts)


def _element(rendering: Rendering, element: Element) -> str:
    name = element.tag if isinstance(element.tag, str) else ""
    if name in SPECIAL:
        return SPECIAL[name](rendering, element)
    if name in WITHOUT_CONTENT:
        return ""
    if name not in ELEMENTS:
        return _children(rendering, element)
    if name in EMPTY:
        return f"<{name}>"
    return _plain(rendering, element, name)


def _plain(rendering: Rendering, element: Element, name: str) -> str:
    attributes = "".join(
        f' {key}="{escape(value)}"'
        for key, value in element.items()
        if key in ATTRIBUTES and re.fullmatch(ATTRIBUTES[key], value)
    )
    inside = _children(rendering, element)
    if name in HEADINGS:
        level = "h2" if name == "h1" else name  # the title of the page is its one h1
        return f"<{level}{_new_id(rendering, element)}>{inside}</{level}>"
    if name == "table":
        return f'<div class="scroll" role="group" aria-label="Table" tabindex="0"><table>{inside}</table></div>'
    if name == "p" and any(name_of(found) != "status" for found in element.iter(f"{AC}structured-macro")):
        name = "div"  # a paragraph cannot hold what the macro becomes
    return f"<{name}{attributes}>{inside}</{name}>"


# -- links and times


def _web_link(rendering: Rendering, element: Element) -> str:
    inside, address = _children(rendering, element), element.get("href", "")
    return f'<a href="{escape(address)}" rel="noreferrer">{inside}</a>' if _is_harmless(address) else inside


def _is_harmless(address: str) -> bool:
    """Whether a link may lead there: to the web, to a mailbox, or within this wiki."""
    if not address.isprintable() or "\\" in address:
        return False
    try:
        found = urlsplit(address)
    except ValueError:
        return False
    local = not found.scheme and not found.netloc and address.startswith(("/", "#")) and not address.startswith("//")
    elsewhere = found.scheme in ("http", "https") and bool(found.netloc)
    return local or elsewhere or found.scheme == "mailto"


def _time(rendering: Rendering, element: Element) -> str:
    stated = element.get("datetime", "")
    try:
        day = date.fromisoformat(stated[:10])
    except ValueError:
        return escape(stated) + _children(rendering, element)
    return f'<time datetime="{escape(stated)}">{day.day} {day:%b %Y}</time>{_children(rendering, element)}'


def _page_link(rendering: Rendering, element: Element) -> str:
    named = element.find(f"{RI}page")
    rich, plain = element.find(f"{AC}link-body"), element.find(f"{AC}plain-text-link-body")
    words = _children(rendering, rich) if rich is not None else escape(text_of(plain)) if plain is not None else ""
    if named is None:
        return words or '<span class="missing">(a link that this stand-in does not follow)</span>'
    title, page = _title_in(named), _page_named(rendering, named)
    if page is None:
        return f'<span class="missing">{words or escape(title)} (no such page)</span>'
    return f'<a href="{address_of(page)}">{words or escape(page.title)}</a>'


def address_of(page: Page) -> str:
    """Where the page is shown."""
    return escape(f"/wiki/spaces/{page.space}/pages/{page.id}/{quote_plus(page.title)}")


def _title_in(named: Element) -> str:
    return str(named.get(f"{RI}content-title", ""))


def _page_named(rendering: Rendering, named: Element) -> Page | None:
    space = named.get(f"{RI}space-key") or rendering.page.space
    found = rendering.wiki.titled(PERSON, space, _title_in(named))
    return found[0] if found else None


# -- macros


def _macro(rendering: Rendering, element: Element) -> str:
    name = name_of(element)
    if name in PANELS:
        return _panel(rendering, element)
    if name in MACROS:
        return MACROS[name](rendering, element)
    return _trouble(f"The macro “{name}” is not shown by this stand-in.") + _rich_body(rendering, element)


def _rich_body(rendering: Rendering, macro: Element) -> str:
    body = macro.find(f"{AC}rich-text-body")
    return _children(rendering, body) if body is not None else ""


def _parameter(macro: Element, name: str) -> str:
    found = parameters(macro).get(name)
    return text_of(found) if found is not None else ""


def _status(rendering: Rendering, macro: Element) -> str:
    colour = _parameter(macro, "colour").lower() or "grey"
    kind = colour if colour in COLOURS else "grey"
    return f'<span class="status {kind}">{escape(_parameter(macro, "title") or colour)}</span>'


def _panel(rendering: Rendering, macro: Element) -> str:
    kind, title = name_of(macro), _parameter(macro, "title")
    heading = f"<p><strong>{escape(title or PANELS[kind])}</strong></p>" if title or PANELS[kind] else ""
    return f'<div class="panel {kind}">{heading}{_rich_body(rendering, macro)}</div>'


def _details(rendering: Rendering, macro: Element) -> str:
    if _parameter(macro, "hidden") == "true":
        return ""
    return f'<div class="properties">{_rich_body(rendering, macro)}</div>'


def _excerpt(rendering: Rendering, macro: Element) -> str:
    return "" if _parameter(macro, "hidden") == "true" else _rich_body(rendering, macro)


def _expand(rendering: Rendering, macro: Element) -> str:
    title = escape(_parameter(macro, "title") or "Click here to expand…")
    return f"<details><summary>{title}</summary>{_rich_body(rendering, macro)}</details>"


def _code(rendering: Rendering, macro: Element) -> str:
    body = macro.find(f"{AC}plain-text-body")
    text = "".join(body.itertext()) if body is not None else ""
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'


def _contents(rendering: Rendering, macro: Element) -> str:
    """The headings of the page itself; those of included pages do not count, as in Confluence."""
    tree = storage_format.parse(rendering.page.body)
    texts = [text_of(found) for found in tree.iter() if found.tag in HEADINGS]
    items = "".join(f'<li><a href="#{_anchor(rendering.page, text)}">{escape(text)}</a></li>' for text in texts if text)
    return f'<ul class="toc">{items}</ul>' if items else ""


def _child_pages(rendering: Rendering, macro: Element) -> str:
    found = [page for page in rendering.wiki.pages(PERSON) if page.parent == rendering.page.id]
    items = "".join(f'<li><a href="{address_of(page)}">{escape(page.title)}</a></li>' for page in found)
    return f"<ul>{items}</ul>" if items else ""


def _include(rendering: Rendering, macro: Element) -> str:
    return _included(rendering, macro, "include", lambda inner: _body(inner, inner.page.body))


def _excerpt_include(rendering: Rendering, macro: Element) -> str:
    wanted = _parameter(macro, "name")

    def excerpt(inner: Rendering) -> str:
        for found in storage_format.macros(storage_format.parse(inner.page.body), "excerpt"):
            if not wanted or _parameter(found, "name") == wanted:
                return _rich_body(inner, found)
        return _trouble(f"The page “{inner.page.title}” has no excerpt{f' “{wanted}”' if wanted else ''}.")

    included = _included(rendering, macro, "excerpt", excerpt)
    return included if _parameter(macro, "nopanel") == "true" else f'<div class="panel">{included}</div>'


def _included(rendering: Rendering, macro: Element, what: str, content: Callable[[Rendering], str]) -> str:
    """What another page contributes, or a box that says why it does not."""
    stated = parameters(macro).get("")
    named = next(iter(stated.iter(f"{RI}page")), None) if stated is not None else None
    if named is None:
        return _trouble(f"This {what} does not name a page.")
    page = _page_named(rendering, named)
    if page is None:
        return _trouble(f"Cannot include “{_title_in(named)}”: there is no such page.")
    if page.id in rendering.within:
        return _trouble(f"Cannot include “{page.title}”: it would include itself.")
    if rendering.allowance.includes <= 0:
        return _trouble(f"Cannot include “{page.title}”: this page includes more than {MOST_INCLUDES} others.")
    rendering.allowance.includes -= 1
    inner = Rendering(rendering.wiki, page, (*rendering.within, page.id), rendering.allowance)
    try:
        return f'<div class="included">{content(inner)}</div>'
    except Refused as refused:
        return _trouble(f"“{page.title}” cannot be shown: {refused}")


def _report(rendering: Rendering, macro: Element) -> str:
    """The report of page properties: a row for each page that the search finds, from the tables in its `details`."""
    try:
        found = rendering.wiki.search(PERSON, _parameter(macro, "cql"))[:MOST_ROWS]
    except Refused as refused:
        return _trouble(f"The report of page properties cannot be made: {refused}")
    rows = [(page, _properties_of(page, _parameter(macro, "id"))) for page in found if page.id != rendering.page.id]
    stated = [heading.strip() for heading in _parameter(macro, "headings").split(",") if heading.strip()]
    headings = stated or list(dict.fromkeys(name for _, cells in rows for name in cells))
    first = _parameter(macro, "firstcolumn") or "Title"
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in [first, *headings])
    body = "".join(_report_row(rendering, page, [cells.get(heading) for heading in headings]) for page, cells in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" role="group" aria-label="Report" tabindex="0">{table}</div>'


def _report_row(rendering: Rendering, page: Page, cells: list[Element | None]) -> str:
    inner = Rendering(rendering.wiki, page, (*rendering.within, page.id), rendering.allowance)
    shown_cells = "".join(f"<td>{_children(inner, cell) if cell is not None else ''}</td>" for cell in cells)
    return f'<tr><th scope="row"><a href="{address_of(page)}">{escape(page.title)}</a></th>{shown_cells}</tr>'


def _properties_of(page: Page, wanted: str) -> dict[str, Element]:
    """The cells of the tables in the page's `details` macros (with that id, where one is stated) by their headings."""
    try:
        tree = storage_format.parse(page.body)
    except Refused:
        return {}
    cells = {}
    for macro in storage_format.macros(tree, "details"):
        if not wanted or _parameter(macro, "id") == wanted:
            for row in macro.iter("tr"):
                heading, cell = row.find("th"), row.find("td")
                if heading is not None and cell is not None:
                    cells[text_of(heading)] = cell
    return cells


def _image(rendering: Rendering, element: Element) -> str:
    return _trouble("Pictures are not shown by this stand-in.")


def _emoticon(rendering: Rendering, element: Element) -> str:
    return escape(element.get(f"{AC}emoji-fallback", "") or f"({element.get(f'{AC}name', 'emoticon')})")


def _nothing(rendering: Rendering, element: Element) -> str:
    return ""


def _trouble(sentence: str) -> str:
    return f'<div class="panel trouble">{escape(sentence)}</div>'


def _new_id(rendering: Rendering, heading: Element) -> str:
    """The attribute with the id of a heading; nothing where an equal heading has it already."""
    anchor = _anchor(rendering.page, text_of(heading))
    if anchor in rendering.allowance.anchors:
        return ""
    rendering.allowance.anchors.add(anchor)
    return f' id="{anchor}"'


def _anchor(page: Page, text: str) -> str:
    """An id for a heading that no other page's heading has, however pages are included."""
    return f"h-{page.id}-{re.sub(r'[^A-Za-z0-9]+', '-', text).strip('-').lower()}"


SPECIAL: dict[str, Callable[[Rendering, Element], str]] = {
    "a": _web_link,
    "time": _time,
    f"{AC}link": _page_link,
    f"{AC}structured-macro": _macro,
    f"{AC}macro": _macro,
    f"{AC}image": _image,
    f"{AC}emoticon": _emoticon,
    f"{AC}parameter": _nothing,
    f"{AC}placeholder": _nothing,
}
MACROS: dict[str, Callable[[Rendering, Element], str]] = {
    "children": _child_pages,
    "code": _code,
    "details": _details,
    "detailssummary": _report,
    "excerpt": _excerpt,
    "excerpt-include": _excerpt_include,
    "expand": _expand,
    "include": _include,
    "noformat": _code,
    "status": _status,
    "toc": _contents,
}
