"""Confluence Data Center: REST v1 below /rest/api."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus, unquote

from standins.confluence.accounts import Account
from standins.confluence.cloud import label_names
from standins.confluence.content import Page, Property, Space, Status
from standins.confluence.wiki import ANY_STATUS, NotFound, TitleTaken, Wiki
from standins.confluence.wire import (
    Answer,
    Request,
    Route,
    answered,
    nested,
    plain_page,
    reason,
    route,
    text,
    whole_number,
)
from standins.serving import Refused

PREFIX = "/rest/api/"
STATUSES = ("current", "trashed", "historical", "draft", "archived", "any")
EVERYTHING = ("version", "space", "body.storage", "ancestors", "history")  # what answers to writes hold


def refusal(refused: Refused) -> Answer:
    """The error in the form that Data Center gives it: a page for 401, JSON for everything else."""
    if refused.status == 401:
        return plain_page(401, "Client must be authenticated to access this resource.")
    data = {"authorized": refused.status != 403, "valid": True, "errors": [], "successful": False}
    content = {
        "statusCode": refused.status,
        "data": data,
        "message": _wording(refused),
        "reason": reason(refused.status),
    }
    return answered(content, refused.status)


def _wording(refused: Refused) -> str:
    if isinstance(refused, TitleTaken):
        where = f"A page already exists with the title {refused.title} in the space with key {refused.space}"
        return f"A page with this title already exists: {where}"
    if isinstance(refused, NotFound):
        return f"com.atlassian.confluence.api.service.exceptions.api.NotFoundException: {refused}"
    return str(refused)


def account_of(request: Request, accounts: Sequence[Account]) -> Account:
    """Whose personal access token is sent as Bearer; raises Refused(401)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    for account in accounts:
        if scheme.lower() == "bearer" and account.token and token.strip() == account.token:
            return account
    raise Refused(401, reason(401))


def carry_out(wiki: Wiki, account: Account, request: Request) -> Answer:
    """Do what is asked; raises Refused."""
    verb, parts = route(_ROUTES, request, "null for uri: " + request.path)
    return verb(wiki, account, request, **{name: unquote(part) for name, part in parts.items()})


# -- spaces and pages


def _spaces(wiki: Wiki, account: Account, request: Request) -> Answer:
    keys = [key.lower() for key in request.many("spaceKey")]
    found = [space for space in wiki.spaces(account) if not keys or space.key.lower() in keys]
    return _listed(request, [_space(wiki, space, request) for space in found])


def _one_space(wiki: Wiki, account: Account, request: Request, key: str) -> Answer:
    return answered(_space(wiki, wiki.space(account, key), request))


def _find(wiki: Wiki, account: Account, request: Request) -> Answer:
    if request.one("type", "page") != "page":
        return _listed(request, [])
    key, title = request.one("spaceKey").lower(), request.one("title").lower()
    found = [
        page
        for page in wiki.pages(account, _statuses(request))
        if (not key or page.space.lower() == key) and (not title or page.title.lower() == title)
    ]
    return _listed(request, [_page(wiki, page, request, request.many("expand")) for page in found])


def _one_page(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    page = wiki.page(account, page_id, _statuses(request))
    return answered(_page(wiki, page, request, request.many("expand")))


def _create_page(wiki: Wiki, account: Account, request: Request) -> Answer:
    stated = request.json_object()
    _require_type(stated)
    version = nested(stated, "version")
    page = wiki.create(
        account,
        text(nested(stated, "space"), "key"),
        text(stated, "title"),
        _body(stated),
        parent=_parent(stated),
        status=Status.DRAFT if stated.get("status") == "draft" else Status.CURRENT,
        message=text(version, "message", required=False),
        minor_edit=version.get("minorEdit") is True,
    )
    return answered(_page(wiki, page, request, EVERYTHING))


def _update_page(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    stated = request.json_object()
    _require_type(stated)
    title, version = text(stated, "title"), nested(stated, "version")
    missing = "Must supply an incremented version when updating Content. No version supplied."
    number = whole_number(version, "number", missing)
    page = wiki.page(account, page_id, _statuses(request))
    if page.status == Status.TRASHED:
        if stated.get("status") != "current":
            raise Refused(400, "Content in the trash can only be restored: state the status current")
        return answered(_page(wiki, wiki.restore(account, page_id, number, title=title), request, EVERYTHING))
    changed = wiki.update(
        account,
        page_id,
        number,
        title=title,
        body=_body(stated) if "body" in stated else page.body,
        message=text(version, "message", required=False),
        minor_edit=version.get("minorEdit") is True,
        parent=_parent(stated),
    )
    return answered(_page(wiki, changed, request, EVERYTHING))


def _trash_page(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    wiki.trash(account, page_id)
    return Answer(204)


def _children(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    parent = wiki.page(account, page_id)
    found = [page for page in wiki.pages(account) if page.parent == parent.id]
    return _listed(request, [_page(wiki, page, request, request.many("expand")) for page in found])


def _search(wiki: Wiki, account: Account, request: Request) -> Answer:
    found = wiki.search(account, request.one("cql"))
    return _listed(request, [_page(wiki, page, request, request.many("expand")) for page in found])


# -- properties and labels


def _properties(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    return _listed(request, [_property(found) for found in wiki.page(account, page_id).properties])


def _one_property(wiki: Wiki, account: Account, request: Request, page_id: str, key: str) -> Answer:
    found = wiki.page(account, page_id).property_called(key)
    if found is None:
        raise NotFound(f"Cannot find a content property with the key {key} on the content {page_id}")
    return answered(_property(found))


def _create_property(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    stated = request.json_object()
    if "value" not in stated:
        raise Refused(400, "Content Properties require a value")
    return answered(_property(wiki.set_property(account, page_id, text(stated, "key"), stated["value"], None)))


def _update_property(wiki: Wiki, account: Account, request: Request, page_id: str, key: str) -> Answer:
    stated = request.json_object()
    if stated.get("key", key) != key:
        raise Refused(400, "The key in the body is not the key in the path")
    if "value" not in stated:
        raise Refused(400, "Content Properties require a value")
    missing = "Must supply an incremented version when updating a content property. No version supplied."
    number = whole_number(nested(stated, "version"), "number", missing)
    return answered(_property(wiki.set_property(account, page_id, key, stated["value"], number)))


def _delete_property(wiki: Wiki, account: Account, request: Request, page_id: str, key: str) -> Answer:
    wiki.delete_property(account, page_id, key)
    return Answer(204)


def _labels(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    return _listed(request, [_label(name) for name in wiki.page(account, page_id).labels])


def _add_labels(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    wiki.add_labels(account, page_id, label_names(request.json()))
    return _labels(wiki, account, request, page_id)


def _remove_label(wiki: Wiki, account: Account, request: Request, page_id: str, name: str = "") -> Answer:
    wiki.remove_label(account, page_id, name or request.one("name"))
    return Answer(204)


def _current_user(wiki: Wiki, account: Account, request: Request) -> Answer:
    return answered({"type": "known", "username": account.email, "displayName": account.name})


# -- reading


def _require_type(stated: dict[str, Any]) -> None:
    if stated.get("type") != "page":
        raise Refused(400, "'type' must be stated, and this stand-in takes 'page' only")


def _parent(stated: dict[str, Any]) -> str | None:
    """The id of the last of the ancestors, which is the parent; None where none are stated."""
    ancestors = stated.get("ancestors") or []
    if not isinstance(ancestors, list) or not all(isinstance(one, dict) and "id" in one for one in ancestors):
        raise Refused(400, "'ancestors' must be a list of objects with an id")
    return str(ancestors[-1]["id"]) if ancestors else None


def _body(stated: dict[str, Any]) -> str:
    storage = nested(stated, "body", "storage")
    if storage.get("representation") != "storage":
        raise Refused(400, "'body.storage.representation' must be 'storage'")
    return text(storage, "value")


def _statuses(request: Request) -> frozenset[Status]:
    stated = request.choices("status", STATUSES) or ["current"]
    return ANY_STATUS if "any" in stated else frozenset(Status(one) for one in stated if one in set(Status))


# -- writing


def _listed(request: Request, results: list[dict[str, Any]]) -> Answer:
    limit, start = request.number("limit", 25, 500), request.number("start", 0, 10**9)
    part = results[start : start + limit]
    links = {"base": request.base, "self": f"{request.base}{request.path}", "context": ""}
    return answered({"results": part, "start": start, "limit": limit, "size": len(part), "_links": links})


def _space(wiki: Wiki, space: Space, request: Request) -> dict[str, Any]:
    links = {"webui": f"/display/{space.key}", "self": f"{request.base}/rest/api/space/{space.key}"}
    answer: dict[str, Any] = {"id": int(space.id), "key": space.key, "name": space.name, "type": "global"}
    if "homepage" in request.many("expand"):
        answer["homepage"] = _page(wiki, wiki.content.pages[space.homepage_id], request, ())
    return {**answer, "_links": links}


def webui(page: Page) -> str:
    """Where people read the page: by title, or by number where the title does not go into an address."""
    if re.search(r"[/?&;#\\%+\"]", page.title):
        return f"/pages/viewpage.action?pageId={page.id}"
    return f"/display/{page.space}/{quote_plus(page.title)}"


def _page(wiki: Wiki, page: Page, request: Request, expand: Sequence[str]) -> dict[str, Any]:
    """The page with what is to be expanded, and nothing else: whoever wants its version has to ask for it."""
    newest = page.newest
    version = {
        "number": newest.number,
        "message": newest.message,
        "minorEdit": newest.minor_edit,
        "when": newest.at,
        "by": {"type": "known", "displayName": newest.by},
    }
    expandable = {
        "version": version,
        "space": {"id": int(wiki.content.spaces[page.space].id), "key": page.space},
        "body.storage": {"storage": {"value": page.body, "representation": "storage"}},
        "ancestors": [{"id": found.id, "type": "page", "title": found.title} for found in _above(wiki, page)],
        "history": {"latest": True, "createdDate": page.versions[0].at},
        "metadata.labels": {"labels": {"results": [_label(name) for name in page.labels]}},
    }
    wanted = {part: value for part, value in expandable.items() if part in expand}
    links = {
        "webui": webui(page),
        "self": f"{request.base}/rest/api/content/{page.id}",
        "base": request.base,
        "tinyui": f"/x/{page.id}",
    }
    return {
        "id": page.id,
        "type": "page",
        "status": page.status,
        "title": page.title,
        **{part.partition(".")[0]: value for part, value in wanted.items()},
        "_expandable": {part.partition(".")[0]: "" for part in expandable if part not in wanted},
        "_links": links,
    }


def _above(wiki: Wiki, page: Page) -> list[Page]:
    found: list[Page] = []
    while page.parent and (above := wiki.content.pages.get(page.parent)):
        found, page = [above, *found], above
    return found


def _property(found: Property) -> dict[str, Any]:
    version = {"number": found.number, "message": "", "minorEdit": False, "when": found.at}
    return {"id": found.id, "key": found.key, "value": found.value, "version": version}


def _label(name: str) -> dict[str, str]:
    return {"id": name, "name": name, "prefix": "global"}


def _at(path: str) -> re.Pattern[str]:
    return re.compile(f"/rest/api{path}")


_ID = r"(?P<page_id>\d+)"
_KEY = r"(?P<key>[^/]+)"
_ROUTES: list[Route] = [
    ("GET", _at("/user/current"), _current_user),
    ("GET", _at("/space"), _spaces),
    ("GET", _at(f"/space/{_KEY}"), _one_space),
    ("GET", _at("/content"), _find),
    ("POST", _at("/content"), _create_page),
    ("GET", _at("/content/search"), _search),
    ("GET", _at(f"/content/{_ID}"), _one_page),
    ("PUT", _at(f"/content/{_ID}"), _update_page),
    ("DELETE", _at(f"/content/{_ID}"), _trash_page),
    ("GET", _at(f"/content/{_ID}/child/page"), _children),
    ("GET", _at(f"/content/{_ID}/property"), _properties),
    ("POST", _at(f"/content/{_ID}/property"), _create_property),
    ("GET", _at(f"/content/{_ID}/property/{_KEY}"), _one_property),
    ("PUT", _at(f"/content/{_ID}/property/{_KEY}"), _update_property),
    ("DELETE", _at(f"/content/{_ID}/property/{_KEY}"), _delete_property),
    ("GET", _at(f"/content/{_ID}/label"), _labels),
    ("POST", _at(f"/content/{_ID}/label"), _add_labels),
    ("DELETE", _at(f"/content/{_ID}/label"), _remove_label),
    ("DELETE", _at(rf"/content/{_ID}/label/(?P<name>[^/]+)"), _remove_label),
]
