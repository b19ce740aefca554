"""Release notes are Markdown (CommonMark, with tables and strikethrough): made into HTML that is safe wherever it is shown, and
into Markdown that does no harm beside other Markdown.

Whoever may push or edit notes may write anything into them, so that nothing of theirs reaches a page but what is on the
list: HTML is shown as it was written, links lead to the web or to an address for mail, and pictures, which would be
fetched from elsewhere, are links.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from itertools import pairwise
from typing import Any

import nh3
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

LONGEST_KEPT = 10_000  # characters of what is not rendered anew each time
LOWEST = 6  # HTML knows no heading below it
TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
    "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}
REL = "nofollow noopener noreferrer"
_LINK = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_ATX = re.compile(r"(#{1,6})(?=[ \t]|$)")
_UNFIT = re.compile(r"[<>\s\\]")
_SPECIAL = re.compile(r"([\\`*\[\]<>|~]|&(?=[#\w])|(?<![^\W_])_|_(?![^\W_]))")
_OPENING = re.compile(r"([#+\-=])|(\d{1,9})([.)])(?=\s|$)")


def rendered(markdown: str, below: int = 2) -> SafeString:
    """The notes as HTML.

    below  the level of the heading that they stand under: their highest heading is the next one, so that the page keeps
           its order
    """
    return _kept(markdown, below) if len(markdown) <= LONGEST_KEPT else _rendered(markdown, below)


@lru_cache(maxsize=256)
def _kept(markdown: str, below: int) -> SafeString:
    return _rendered(markdown, below)


def _rendered(markdown: str, below: int) -> SafeString:
    tokens = _PARSER.parse(markdown)
    _move_headings(tokens, below)
    found = _PARSER.renderer.render(tokens, _PARSER.options, {})
    return SafeString(
        nh3.clean(found, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel=REL, clean_content_tags=set())
    )


def moved(markdown: str, below: int) -> str:
    """The same Markdown, to stand under a heading of this level between other Markdown: its own headings are lower, and
    a block of code that it leaves open ends with it."""
    tokens = _PARSER.parse(markdown)
    lines = markdown.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # the only ends of lines that Markdown knows
    step = below + 1 - _highest(tokens)
    for token, text in pairwise(tokens):
        if token.type != "heading_open" or token.map is None:
            continue
        first, after = token.map
        level = "#" * min(LOWEST, _level(token) + step)
        if token.markup.startswith("#"):
            lines[first] = _ATX.sub(level, lines[first], count=1)
        elif token.level == 0:  # underlined: “=” and “-” know two levels only
            lines[first:after] = [f"{level} {' '.join(text.content.split())}", *[""] * (after - first - 1)]
    return "\n".join([*lines, *_ending(tokens, lines)]).strip()


def plain(text: str) -> str:
    """Any text as Markdown that says just that, on one line."""
    said = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    opening = _OPENING.match(said)
    if opening is None:
        return said
    return f"\\{said}" if opening[1] else f"{opening[2]}\\{said[len(opening[2]) :]}"


def link(text: str, url: str) -> str:
    """A link in Markdown; where there is no address, the text alone. `url`: as it was checked when it was stored."""
    if not _LINK.match(url):
        return plain(text)
    return f"[{plain(text)}](<{_UNFIT.sub(_percent, url)}>)"


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode())


def _ending(tokens: Sequence[Token], lines: Sequence[str]) -> list[str]:
    """The line that closes a fence that nobody closed."""
    last = tokens[-1] if tokens else None
    if last is None or last.type != "fence" or last.map is None:
        return []
    first, after = last.map
    closing = lines[after - 1].strip() if after - 1 > first else ""
    is_closed = closing.startswith(last.markup) and not closing.strip(last.markup[0])
    return [] if is_closed else [last.markup]


# -- headings ---------------------------------------------------------------------------------------------------------


def _move_headings(tokens: Sequence[Token], below: int) -> None:
    step = below + 1 - _highest(tokens)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(LOWEST, _level(token) + step)}"


def _highest(tokens: Sequence[Token]) -> int:
    return min((_level(token) for token in tokens if token.type == "heading_open"), default=1)


def _level(heading: Token) -> int:
    return int(heading.tag[1])


# -- pictures ---------------------------------------------------------------------------------------------------------


def _picture(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """What the picture shows in words, as a link to it; inside a link the words alone."""
    token = tokens[place]
    words = escape(renderer.renderInlineAsText(token.children or [], options, env)) or "Picture"
    if sum(before.nesting for before in tokens[:place] if before.type in ("link_open", "link_close")):
        return words
    return f'<a href="{escape(str(token.attrs.get("src", "")))}">{words}</a>'


def _parser() -> MarkdownIt:
    """`html` off: tags are shown as written. `breaks` on: notes from before they were Markdown keep their lines."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: _LINK.match(url) is not None  # type: ignore[method-assign]
    parser.add_render_rule("image", _picture)
    return parser


_PARSER = _parser()
