"""Safe HTML, as the notes of releases are rendered, in Confluence's storage format: allowed elements only, well formed."""

from html.parser import HTMLParser
from xml.etree.ElementTree import Element

from publishing.confluence.storage_format import append, element
from registry.builds import is_web_address

AS_THEY_ARE = {
    "p", "ul", "ol", "li", "strong", "em", "code", "pre", "blockquote", "table", "thead", "tbody", "tr", "th", "td",
    "h1", "h2", "h3", "h4", "h5", "h6", "del", "sub", "sup",
}  # fmt: skip
OTHERWISE = {"b": "strong", "i": "em", "s": "del"}
EMPTY = frozenset(("br", "hr"))
WITHOUT_CONTENT = frozenset(("script", "style", "template", "iframe", "object"))
NESTED_AT_MOST = 60


def as_storage(html: str) -> list[Element | str]:
    """The parts of a page. Of elements that are not allowed only the text remains."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    root = reader.open[0]
    return [root.text or "", *(part for child in root for part in _with_tail(child))]


def _with_tail(child: Element) -> list[Element | str]:
    tail, child.tail = child.tail or "", None
    return [child, tail]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[Element] = [element("div")]
        self.names: list[str] = [""]
        self.ignoring = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in WITHOUT_CONTENT:
            self.ignoring += 1
        if tag in EMPTY:
            append(self.open[-1], element(tag))
        elif (made := _made(tag, dict(attrs))) is not None and len(self.open) < NESTED_AT_MOST:
            append(self.open[-1], made)
            self.open.append(made)
            self.names.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in EMPTY:
            append(self.open[-1], element(tag))

    def handle_endtag(self, tag: str) -> None:
        if tag in WITHOUT_CONTENT:
            self.ignoring = max(self.ignoring - 1, 0)
        if tag in self.names:  # what was opened inside and not closed ends with it
            last = len(self.names) - self.names[::-1].index(tag) - 1
            del self.open[last:], self.names[last:]

    def handle_data(self, data: str) -> None:
        if not self.ignoring:
            append(self.open[-1], data)


def _made(tag: str, attributes: dict[str, str | None]) -> Element | None:
    """The element in its place; None where it is not allowed."""
    if tag == "a":
        address = attributes.get("href") or ""
        return element("a", href=address) if is_web_address(address) else None
    name = tag if tag in AS_THEY_ARE else OTHERWISE.get(tag)
    return element(name) if name else None
