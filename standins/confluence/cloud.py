"""Confluence Cloud: REST v2 below /wiki/api/v2, and of v1 labels and search, which are all that is left of it there."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus, urlencode

from standins.confluence.accounts import Account
from standins.confluence.content import Page, Property, Space, Status, Version
from standins.confluence.wiki import NotFound, TitleTaken, VersionConflict, Wiki
from standins.confluence.wire import Answer, Request, Route, answered, nested, reason, route, text, whole_number
from standins.serving import Refused

PREFIXES = ("/wiki/api/v2/", "/wiki/rest/api/")
LIST_STATUSES = ("current", "archived", "deleted", "trashed")
STATUSES = (*LIST_STATUSES, "historical", "draft")
BODY_FORMATS = ("storage", "atlas_doc_format", "view", "export_view", "anonymous_export_view", "styled_view", "editor")
CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    410: "GONE",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
}


def refusal(refused: Refused) -> Answer:
    """The error in the form that Cloud gives it."""
    error = {
        "status": refused.status,
        "code": CODES.get(refused.status, "ERROR"),
        "title": _wording(refused),
        "detail": None,
    }
    return answered({"errors": [error]}, refused.status)


def _wording(refused: Refused) -> str:
    if isinstance(refused, TitleTaken):
        return "A page with this title already exists: A page already exists with the same TITLE in this space"
    if isinstance(refused, VersionConflict):
        stated = f"Current Version: [{refused.current}]. Provided version: [{refused.stated}]"
        return f"Version must be incremented when updating a {refused.what}. {stated}"
    return "Not Found" if refused.status == 404 else str(refused)


def account_of(request: Request, accounts: Sequence[Account]) -> Account:
    """Whose email address and API token are sent as Basic; raises Refused(401). A token as Bearer is none here."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    try:
        pair = base64.b64decode(credentials.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        pair = ""
    for account in accounts:
        if pair and pair == f"{account.email}:{account.token}":
            return account
    raise Refused(401, reason(401))


def carry_out(wiki: Wiki, account: Account, request: Request) -> Answer:
    """Do what is asked; raises Refused."""
    if request.path.startswith("/wiki/rest/api/content") and not _LABEL.fullmatch(request.path):
        raise Refused(410, "This deprecated endpoint has been removed.")
    verb, parts = route(_ROUTES, request, "Not Found")
    return verb(wiki, account, request, **parts)


# -- spaces and pages


def _spaces(wiki: Wiki, account: Account, request: Request) -> Answer:
    keys, ids = [key.lower() for key in request.many("keys")], request.many("ids")
    found = [
        space
        for space in wiki.spaces(account)
        if (not keys or space.key.lower() in keys) and (not ids or space.id in ids)
    ]
    return _listed(request, [_space(space) for space in found])


def _one_space(wiki: Wiki, account: Account, request: Request, space_id: str) -> Answer:
    return answered(_space(_space_with(wiki, account, space_id)))


def _pages(wiki: Wiki, account: Account, request: Request) -> Answer:
    request.choices("body-format", ("storage", "atlas_doc_format"))
    stated = request.choices("status", LIST_STATUSES) or ["current", "archived"]
    spaces, ids = request.many("space-id"), request.many("id")
    title = request.one("title").lower()
    found = [
        page
        for page in wiki.pages(account, _statuses(stated))
        if (not spaces or wiki.content.spaces[page.space].id in spaces)
        and (not ids or page.id in ids)
        and (not title or page.title.lower() == title)
    ]
    return _listed(request, [_page(wiki, page, request, body="body-format" in request.query) for page in found])


def _one_page(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    request.choices("body-format", BODY_FORMATS)
    stated = request.choices("status", STATUSES) or ["current", "archived", "trashed"]
    page = wiki.page(account, page_id, _statuses(stated))
    answer = _page(wiki, page, request, body="body-format" in request.query)
    if request.one("include-labels") == "true":
        answer["labels"] = {"results": [_label(name) for name in page.labels]}
    if request.one("include-properties") == "true":
        answer["properties"] = {"results": [_property(found) for found in page.properties]}
    return answered(answer)


def _create_page(wiki: Wiki, account: Account, request: Request) -> Answer:
    stated = request.json_object()
    space = _space_with(wiki, account, text(stated, "spaceId"))
    parent = text(stated, "parentId", required=False)
    if request.one("root-level") == "true" and parent:
        raise Refused(400, "parentId cannot be stated when root-level is true")
    at_root = request.one("root-level") == "true"
    page = wiki.create(
        account,
        space.key,
        text(stated, "title"),
        _body(stated),
        parent=None if at_root else parent or space.homepage_id,
        status=_written_status(stated, "current"),
    )
    return answered(_page(wiki, page, request, body=True))


def _update_page(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    stated = request.json_object()
    if text(stated, "id") != page_id:
        raise Refused(400, "The id in the body is not the id in the path")
    _written_status(stated, "")
    title, body = text(stated, "title"), _body(stated)
    version = nested(stated, "version")
    number = whole_number(version, "number", "'version.number' must be stated, and be a number")
    if wiki.page(account, page_id).status == Status.TRASHED:
        # The page comes back as it was: what the request says about its content is not looked at.
        return answered(_page(wiki, wiki.restore(account, page_id, number, title=title), request, body=True))
    page = wiki.update(
        account,
        page_id,
        number,
        title=title,
        body=body,
        message=text(version, "message", required=False),
        parent=text(stated, "parentId", required=False) or None,
    )
    return answered(_page(wiki, page, request, body=True))


def _trash_page(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    wiki.trash(account, page_id)
    return Answer(204)


def _versions(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    return _listed(request, [_version(found) for found in reversed(wiki.page(account, page_id).versions)])


# -- properties and labels


def _properties(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    key = request.one("key")
    found = [found for found in wiki.page(account, page_id).properties if not key or found.key == key]
    return _listed(request, [_property(one) for one in found])


def _one_property(wiki: Wiki, account: Account, request: Request, page_id: str, property_id: str) -> Answer:
    return answered(_property(_property_with(wiki.page(account, page_id), property_id)))


def _create_property(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    key, value = _key_and_value(request.json_object())
    return answered(_property(wiki.set_property(account, page_id, key, value, None)))


def _update_property(wiki: Wiki, account: Account, request: Request, page_id: str, property_id: str) -> Answer:
    stated = request.json_object()
    key, value = _key_and_value(stated)
    if _property_with(wiki.page(account, page_id), property_id).key != key:
        raise Refused(400, "The key of a content property cannot be changed")
    number = whole_number(nested(stated, "version"), "number", "'version.number' must be stated, and be a number")
    return answered(_property(wiki.set_property(account, page_id, key, value, number)))


def _delete_property(wiki: Wiki, account: Account, request: Request, page_id: str, property_id: str) -> Answer:
    wiki.delete_property(account, page_id, _property_with(wiki.page(account, page_id), property_id).key)
    return Answer(204)


def _page_labels(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    return _listed(request, [_label(name) for name in wiki.page(account, page_id).labels])


def _labels(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    labels = [_label(name) for name in wiki.page(account, page_id).labels]
    return answered({"results": labels, "start": 0, "limit": 200, "size": len(labels)})


def _add_labels(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    wiki.add_labels(account, page_id, label_names(request.json()))
    return _labels(wiki, account, request, page_id)


def _remove_label(wiki: Wiki, account: Account, request: Request, page_id: str) -> Answer:
    wiki.remove_label(account, page_id, request.one("name"))
    return Answer(204)


def _search(wiki: Wiki, account: Account, request: Request) -> Answer:
    limit = request.number("limit", 25, 250)
    results = [
        {"content": {"id": page.id, "type": "page", "status": page.status, "title": page.title}, "title": page.title}
        for page in wiki.search(account, request.one("cql"))[:limit]
    ]
    return answered({"results": results, "start": 0, "limit": limit, "size": len(results)})


# -- reading


def label_names(stated: Any) -> list[str]:
    """The names in a list of labels as v1 wants it; raises Refused(400)."""
    entries = stated if isinstance(stated, list) else [stated]
    if not all(isinstance(entry, dict) for entry in entries):
        raise Refused(400, "Labels are objects with a prefix and a name")
    if any(entry.get("prefix", "global") not in ("global", "my", "team") for entry in entries):
        raise Refused(400, "The prefix of a label is global, my or team")
    return [text(entry, "name") for entry in entries]


def _key_and_value(stated: dict[str, Any]) -> tuple[str, Any]:
    key = text(stated, "key")
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,255}", key):
        raise Refused(400, "The key of a content property consists of letters, digits, dots, hyphens and underscores")
    if "value" not in stated:
        raise Refused(400, "'value' must be stated")
    return key, stated["value"]


def _body(stated: dict[str, Any]) -> str:
    body = nested(stated, "body")
    found = body if "value" in body or "representation" in body else nested(body, "storage")
    if "representation" not in found:
        raise Refused(500, "Internal Server Error")  # what people report of a body that does not say what it is
    if found["representation"] != "storage":
        raise Refused(400, "This stand-in takes the representation 'storage' only")
    return text(found, "value")


def _written_status(stated: dict[str, Any], default: str) -> Status:
    status = stated.get("status", default)
    if status not in ("current", "draft"):
        raise Refused(400, "'status' must be 'current' or 'draft'")
    return Status(status)


def _statuses(stated: list[str]) -> set[Status]:
    return {Status(found) for found in stated if found in set(Status)}


def _space_with(wiki: Wiki, account: Account, space_id: str) -> Space:
    for space in wiki.spaces(account):
        if space.id == space_id:
            return space
    raise NotFound(f"No space with id {space_id}")


def _property_with(page: Page, property_id: str) -> Property:
    for found in page.properties:
        if found.id == property_id:
            return found
    raise NotFound(f"No content property with id {property_id}")


# -- writing


def _listed(request: Request, results: list[dict[str, Any]]) -> Answer:
    """One page of a list; where there is more, a link with a cursor."""
    limit, start = request.number("limit", 25, 250), request.number("cursor", 0, 10**9)
    if limit == 0:
        raise Refused(400, "Provided value {0} for 'limit' is not a number from 1 to 250")
    links = {"base": f"{request.base}/wiki"}
    if start + limit < len(results):
        following = {**request.query, "cursor": [str(start + limit)]}
        links["next"] = f"{request.path}?{urlencode(following, doseq=True)}"
    return answered({"results": results[start : start + limit], "_links": links})


def _space(space: Space) -> dict[str, Any]:
    return {
        "id": space.id,
        "key": space.key,
        "name": space.name,
        "type": "global",
        "status": "current",
        "homepageId": space.homepage_id,
        "_links": {"webui": f"/spaces/{space.key}"},
    }


def webui(page: Page) -> str:
    """Where people read the page, below /wiki."""
    return f"/spaces/{page.space}/pages/{page.id}/{quote_plus(page.title)}"


def _page(wiki: Wiki, page: Page, request: Request, *, body: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "id": page.id,
        "status": page.status,
        "title": page.title,
        "spaceId": wiki.content.spaces[page.space].id,
        "parentId": page.parent,
        "parentType": "page" if page.parent else None,
        "authorId": page.versions[0].by,
        "createdAt": page.versions[0].at,
        "version": _version(page.newest),
        "body": {},
        "_links": {
            "webui": webui(page),
            "editui": f"/pages/resumedraft.action?draftId={page.id}",
            "tinyui": f"/x/{page.id}",
            "base": f"{request.base}/wiki",
        },
    }
    if body:
        answer["body"] = {"storage": {"representation": "storage", "value": page.body}}
    return answer


def _version(version: Version) -> dict[str, Any]:
    return {
        "number": version.number,
        "message": version.message,
        "minorEdit": version.minor_edit,
        "authorId": version.by,
        "createdAt": version.at,
    }


def _property(found: Property) -> dict[str, Any]:
    version = {"number": found.number, "message": "", "minorEdit": False, "createdAt": found.at}
    return {"id": found.id, "key": found.key, "value": found.value, "version": version}


def _label(name: str) -> dict[str, str]:
    return {"id": name, "name": name, "prefix": "global", "label": name}


def _at(path: str) -> re.Pattern[str]:
    return re.compile(f"/wiki/api/v2{path}")


_ID = r"(?P<page_id>\d+)"
_PROPERTY_ID = r"(?P<property_id>\d+)"
_LABEL = re.compile(rf"/wiki/rest/api/content/{_ID}/label")
_ROUTES: list[Route] = [
    ("GET", _at("/spaces"), _spaces),
    ("GET", _at(r"/spaces/(?P<space_id>\d+)"), _one_space),
    ("GET", _at("/pages"), _pages),
    ("POST", _at("/pages"), _create_page),
    ("GET", _at(f"/pages/{_ID}"), _one_page),
    ("PUT", _at(f"/pages/{_ID}"), _update_page),
    ("DELETE", _at(f"/pages/{_ID}"), _trash_page),
    ("GET", _at(f"/pages/{_ID}/versions"), _versions),
    ("GET", _at(f"/pages/{_ID}/labels"), _page_labels),
    ("GET", _at(f"/pages/{_ID}/properties"), _properties),
    ("POST", _at(f"/pages/{_ID}/properties"), _create_property),
    ("GET", _at(f"/pages/{_ID}/properties/{_PROPERTY_ID}"), _one_property),
    ("PUT", _at(f"/pages/{_ID}/properties/{_PROPERTY_ID}"), _update_property),
    ("DELETE", _at(f"/pages/{_ID}/properties/{_PROPERTY_ID}"), _delete_property),
    ("GET", _LABEL, _labels),
    ("POST", _LABEL, _add_labels),
    ("DELETE", _LABEL, _remove_label),
    ("GET", re.compile("/wiki/rest/api/search"), _search),
]
