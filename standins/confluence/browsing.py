"""The wiki for people: spaces with their trees of pages, a page, its history, an older version. Nothing can be changed."""

import re
from collections.abc import Callable
from datetime import datetime
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote, unquote_plus

from standins.confluence import rendering
from standins.confluence.accounts import PERSON
from standins.confluence.content import Page, Space, Status, Version
from standins.confluence.rendering import address_of
from standins.confluence.wiki import NotFound, Wiki
from standins.confluence.wire import Answer, Request
from standins.serving import Refused

STYLESHEET = "/standin/style.css"
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STYLE = Path(__file__).with_name("style.css").read_bytes()
BANNER = "This is a stand-in for Confluence, for trying and testing. It is not Confluence, and nobody signs in here."

_ID = r"(?P<page_id>\d{1,18})"
_KEY = r"(?P<key>[^/]+)"


def answer(wiki: Wiki, request: Request) -> Answer:
    """The page, stylesheet or redirection at this path; 404 and 405 are pages, too."""
    if request.method not in ("GET", "HEAD"):
        return _page(405, "Only for reading", "<p>Pages are changed through the API: see the first page.</p>")
    if request.path == STYLESHEET:
        return Answer(200, STYLE, "text/css; charset=utf-8")
    try:
        for path, show in _PAGES:
            if match := path.fullmatch(request.path):
                return show(wiki, request, **match.groupdict())
    except Refused as refused:
        return _page(refused.status, "Not here", f"<p>{escape(str(refused))}.</p>")
    return _page(404, "Not here", '<p>There is nothing here. The <a href="/">first page</a> lists all spaces.</p>')


# -- what is shown


def _front(wiki: Wiki, request: Request) -> Answer:
    trees = "".join(_space_section(wiki, space) for space in wiki.spaces(PERSON))
    put_away = wiki.pages(PERSON, {Status.TRASHED, Status.ARCHIVED})
    items = "".join(f"<li>{_link(page)} <small>({escape(page.space)}, {page.status})</small></li>" for page in put_away)
    rest = f"<section><h2>Trash and archive</h2><ul>{items}</ul></section>" if items else ""
    return _page(200, "Spaces", f"{trees}{rest}")


def _one_space(wiki: Wiki, request: Request, key: str) -> Answer:
    space = wiki.space(PERSON, unquote(key))
    return _page(200, space.name, _tree_of(wiki, space), above=(("/", "Spaces"),))


def _by_number(wiki: Wiki, request: Request, page_id: str, key: str = "") -> Answer:
    page = wiki.page(PERSON, page_id)
    if not request.one("version"):
        return _shown(wiki, page, page.newest)
    number = request.number("version", page.newest.number, 10**9)
    version = next((found for found in page.versions if found.number == number), None)
    if version is None:
        raise NotFound(f"Version {number} of this page is not kept")
    return _shown(wiki, page, version)


def _by_title(wiki: Wiki, request: Request, key: str, title: str) -> Answer:
    space = wiki.space(PERSON, unquote(key))
    found = wiki.titled(PERSON, space.key, unquote_plus(title))
    if not found:
        raise NotFound(f"There is no page “{unquote_plus(title)}” in the space {space.key}")
    return _shown(wiki, found[0], found[0].newest)


def _by_parameter(wiki: Wiki, request: Request) -> Answer:
    page_id = request.one("pageId")
    page = wiki.page(PERSON, page_id)
    return _shown(wiki, page, page.newest)


def _shown(wiki: Wiki, page: Page, version: Version) -> Answer:
    older = ""
    if version.number != page.newest.number:
        older = f'<p class="panel note">This is version {version.number}. {_link(page, "Show the newest version")}.</p>'
    state = "" if page.status == Status.CURRENT else f'<p class="panel warning">This page is {page.status}.</p>'
    said = f" · {escape(version.message)}" if version.message else ""
    line = f'<p class="byline">Version {version.number} · {_when(version.at)} · {escape(version.by)}{said}</p>'
    body = f"<article>{rendering.shown(wiki, page, version.body)}</article>"
    content = "".join((line, state, older, body, _labels(page), _children(wiki, page), _history(page)))
    return _page(200, version.title, content, above=_above(wiki, page))


def _labels(page: Page) -> str:
    if not page.labels:
        return ""
    items = "".join(f"<li>{escape(label)}</li>" for label in page.labels)
    return f'<section><h2>Labels</h2><ul class="labels">{items}</ul></section>'


def _children(wiki: Wiki, page: Page) -> str:
    items = "".join(f"<li>{_link(found)}</li>" for found in wiki.pages(PERSON) if found.parent == page.id)
    return f"<section><h2>Pages below</h2><ul>{items}</ul></section>" if items else ""


def _history(page: Page) -> str:
    rows = "".join(
        f'<tr><th scope="row"><a href="{address_of(page)}?version={found.number}">{found.number}</a></th>'
        f"<td>{escape(found.message)}{' <small>(minor)</small>' if found.minor_edit else ''}</td>"
        f"<td>{_when(found.at)}</td><td>{escape(found.by)}</td></tr>"
        for found in reversed(page.versions)
    )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Version", "Comment", "When", "Who"))
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    scrolled = f'<div class="scroll" role="group" aria-label="History" tabindex="0">{table}</div>'
    return f"<section><h2>History</h2>{scrolled}</section>"


# -- parts


def _space_section(wiki: Wiki, space: Space) -> str:
    heading = f'<a href="/wiki/spaces/{quote(space.key)}">{escape(space.name)}</a>'
    return f"<section><h2>{heading} <small>{escape(space.key)}</small></h2>{_tree_of(wiki, space)}</section>"


def _tree_of(wiki: Wiki, space: Space) -> str:
    pages = [page for page in wiki.pages(PERSON) if page.space == space.key]
    ids, below = {page.id for page in pages}, dict[str, list[Page]]()
    for page in pages:
        below.setdefault(page.parent if page.parent in ids else "", []).append(page)
    return _branch(below, "")


def _branch(below: dict[str, list[Page]], parent: str, depth: int = 0) -> str:
    found = sorted(below.get(parent, []), key=lambda page: page.title.lower())
    if not found or depth > 50:
        return ""
    items = "".join(f"<li>{_link(page)}{_branch(below, page.id, depth + 1)}</li>" for page in found)
    return f'<ul class="tree">{items}</ul>'


def _above(wiki: Wiki, page: Page) -> tuple[tuple[str, str], ...]:
    """Addresses and names of what the page is in."""
    pages: list[Page] = []
    found = wiki.content.pages.get(page.parent or "")
    while found is not None and len(pages) < 50:
        pages.insert(0, found)
        found = wiki.content.pages.get(found.parent or "")
    space = wiki.content.spaces[page.space]
    path = [("/", "Spaces"), (f"/wiki/spaces/{quote(space.key)}", escape(space.name))]
    return (*path, *((address_of(above), escape(above.title)) for above in pages))


def _link(page: Page, words: str = "") -> str:
    return f'<a href="{address_of(page)}">{escape(words or page.title)}</a>'


def _when(at: str) -> str:
    moment = datetime.fromisoformat(at.replace("Z", "+00:00"))
    return f'<time datetime="{escape(at)}">{moment.day} {moment:%b %Y, %H:%M} UTC</time>'


def _page(status: int, title: str, content: str, above: tuple[tuple[str, str], ...] = ()) -> Answer:
    crumbs = "".join(f'<li><a href="{address}">{name}</a></li>' for address, name in above)
    trail = f'<nav aria-label="Above this page"><ol class="crumbs">{crumbs}</ol></nav>' if crumbs else ""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)} · Confluence stand-in</title>'
        f'<link rel="stylesheet" href="{STYLESHEET}"></head><body><header class="banner"><p>{BANNER}</p></header>'
        f"<main>{trail}<h1>{escape(title)}</h1>{content}</main></body></html>"
    )
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return Answer(status, html.encode(), "text/html; charset=utf-8", headers)


_PAGES: list[tuple[re.Pattern[str], Callable[..., Answer]]] = [
    (re.compile("/|/wiki/?"), _front),
    (re.compile(f"/wiki/spaces/{_KEY}(?:/overview|/pages)?/?"), _one_space),
    (re.compile(f"/wiki/spaces/{_KEY}/pages/{_ID}(?:/.*)?"), _by_number),
    (re.compile(f"(?:/wiki)?/x/{_ID}"), _by_number),
    (re.compile(f"/display/{_KEY}/?"), _one_space),
    (re.compile(f"/display/{_KEY}/(?P<title>[^/]+)"), _by_title),
    (re.compile(r"(?:/wiki)?/pages/viewpage\.action"), _by_parameter),
]
