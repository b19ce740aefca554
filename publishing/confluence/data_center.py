"""Confluence Data Center and Server: version 1 of the API, with a personal access token or a user name and password."""

from typing import Any

from publishing.confluence.dialects import (
    LABEL,
    PROPERTY,
    Content,
    Page,
    Property,
    Space,
    first_in,
    no_space,
    read_page,
    read_property,
    text_in,
)
from publishing.confluence.failures import NotFound
from publishing.confluence.transport import Transport

CONTENT = "rest/api/content"
EVERYTHING = "version,space,body.storage"


class DataCenter:
    def __init__(self, site: Transport) -> None:
        self.site = site
        self.host = site.host

    def space(self, key: str) -> Space:
        try:
            return Space(key, text_in(self.site.ask("GET", f"rest/api/space/{key}"), "id"))
        except NotFound:
            raise NotFound(no_space(self.host, key)) from None

    def page(self, page_id: str) -> Page | None:
        """`status=any` finds it in the trash as well."""
        try:
            return self._read(self.site.ask("GET", f"{CONTENT}/{page_id}", {"status": "any", "expand": EVERYTHING}))
        except NotFound:
            return None

    def find(self, space: Space, title: str) -> Page | None:
        wanted = {"spaceKey": space.key, "title": title, "type": "page", "status": "current", "expand": EVERYTHING}
        found = first_in(self.site.ask("GET", CONTENT, wanted), folded=title)
        return self._read(found) if found else None

    def create(self, space: Space, parent: str, content: Content) -> Page:
        asked: dict[str, Any] = {"type": "page", "title": content.title, "space": {"key": space.key}}
        if parent:
            asked["ancestors"] = [{"id": parent}]
        asked |= _body(content) | {"version": {"message": content.comment}}
        return self._read(self.site.ask("POST", CONTENT, body=asked), instead=content.title, number=1)

    def update(self, page: Page, content: Content) -> Page:
        """`minorEdit` spares those who watch the space a mail for every deployment."""
        number = page.version + 1
        version = {"number": number, "message": content.comment, "minorEdit": True}
        asked = {"id": page.id, "type": "page", "title": content.title, "version": version} | _body(content)
        found = self.site.ask("PUT", f"{CONTENT}/{page.id}", {"status": "current"}, asked)
        return self._read(found, instead=content.title, number=number)

    def property(self, page_id: str) -> Property | None:
        try:
            return read_property(self.site.ask("GET", f"{CONTENT}/{page_id}/property/{PROPERTY}"))
        except NotFound:
            return None

    def write_property(self, page_id: str, value: dict[str, Any], before: Property | None) -> None:
        where, asked = f"{CONTENT}/{page_id}/property", {"key": PROPERTY, "value": value}
        if before is None:
            self.site.ask("POST", where, body=asked)
        else:
            again = asked | {"version": {"number": before.number + 1}}
            self.site.ask("PUT", f"{where}/{PROPERTY}", body=again)

    def label(self, page_id: str) -> None:
        self.site.ask("POST", f"{CONTENT}/{page_id}/label", body=[{"prefix": "global", "name": LABEL}])

    def trash(self, page_id: str) -> None:
        self.site.ask("DELETE", f"{CONTENT}/{page_id}")

    def _read(self, found: dict[str, Any], *, instead: str = "", number: int = 0) -> Page:
        """instead, number: what was written, where an answer to a write leaves it out."""
        if number and not found.get("version"):
            found = found | {"version": {"number": number}}
        if instead and not found.get("title"):
            found = found | {"title": instead}
        return read_page(self.host, found, space=text_in(found, "space", "key"))


def _body(content: Content) -> dict[str, Any]:
    return {"body": {"storage": {"value": content.body, "representation": "storage"}}}
