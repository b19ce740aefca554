"""A request and an answer, as the dialects see them: no sockets here."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import Any

from standins.serving import Refused


@dataclass(frozen=True)
class Request:
    """What was asked. `base` is the address that the asking side used, without a path: http://127.0.0.1:8003."""

    method: str
    path: str  # as it came, without the query
    query: Mapping[str, list[str]]
    headers: Message  # looked up whatever the case
    body: bytes
    base: str

    def one(self, name: str, default: str = "") -> str:
        """The last value of the query parameter."""
        return self.query.get(name, [default])[-1]

    def many(self, name: str) -> list[str]:
        """All values of the query parameter, which may be repeated or separated by commas."""
        return [part for value in self.query.get(name, []) for part in value.split(",") if part]

    def number(self, name: str, default: int, largest: int) -> int:
        """The query parameter as a number from 0 to `largest`; raises Refused(400)."""
        stated = self.one(name, str(default))
        if not is_number(stated) or int(stated) > largest:
            raise Refused(400, f"Provided value {{{stated}}} for '{name}' is not a number from 0 to {largest}")
        return int(stated)

    def choices(self, name: str, allowed: Sequence[str]) -> list[str]:
        """The values of the query parameter, all of them `allowed`; raises Refused(400)."""
        for stated in self.many(name):
            if stated not in allowed:
                raise Refused(400, f"Provided value {{{stated}}} for '{name}' is not the correct type")
        return self.many(name)

    def json(self) -> Any:
        """The body; raises Refused(415 or 400) where it is not JSON and said to be."""
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(415, "Unsupported Media Type: send Content-Type: application/json")
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "The body is not valid JSON") from error

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; raises Refused(415 or 400)."""
        stated = self.json()
        if not isinstance(stated, dict):
            raise Refused(400, "The body must be a JSON object")
        return stated


@dataclass(frozen=True)
class Answer:
    """What is answered."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def is_number(text: str) -> bool:
    """Whether these are digits, and so few that they make a number that anybody means."""
    return text.isascii() and text.isdigit() and len(text) <= 18


Verb = Callable[..., Answer]
Route = tuple[str, re.Pattern[str], Verb]


def answered(content: Any, status: int = 200) -> Answer:
    """The answer with this JSON."""
    return Answer(status, json.dumps(content, ensure_ascii=False).encode())


def plain_page(status: int, sentence: str) -> Answer:
    """The page that a server or a proxy in front of it sends where it does not speak JSON."""
    title = f"{status} {reason(status)}"
    head = f'<!doctype html><html lang="en"><head><title>{title}</title></head>'
    html = f"{head}<body><h1>{title}</h1><p>{sentence}</p></body></html>"
    return Answer(status, html.encode(), "text/html;charset=UTF-8")


def reason(status: int) -> str:
    """The phrase that belongs to the status."""
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"


def text(stated: Mapping[str, Any], field_name: str, *, required: bool = True) -> str:
    """The field of a JSON object as text, empty where it may be left out; raises Refused(400)."""
    value = stated.get(field_name)
    if value is None and not required:
        return ""
    if not isinstance(value, str):
        raise Refused(400, f"'{field_name}' must be stated, and be text")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise Refused(400, f"'{field_name}' contains half of a character")
    return value


def nested(stated: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The object at that place of a JSON object, empty where it is missing; raises Refused(400)."""
    found: Any = stated
    for name in names:
        found = found.get(name)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise Refused(400, f"'{name}' must be an object")
    return dict(found)


def whole_number(stated: Mapping[str, Any], field_name: str, otherwise: str) -> int:
    """The field as an integer; raises Refused(400) with the sentence `otherwise`."""
    value = stated.get(field_name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(400, otherwise)
    return value


def route(routes: Sequence[Route], request: Request, elsewhere: str) -> tuple[Verb, dict[str, str]]:
    """The verb for this request and the parts of its path. Raises Refused: 404, or 405 where another method is right."""
    fits = [(method, found, verb) for method, path, verb in routes if (found := path.fullmatch(request.path))]
    for method, found, verb in fits:
        if method == request.method:
            return verb, found.groupdict()
    if fits:
        raise Refused(405, "Method Not Allowed")
    raise Refused(404, elsewhere)
