"""Confluence Cloud: version 2 of its API for pages and properties, version 1 for labels, which version 2 cannot add."""

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

V1, V2 = "wiki/rest/api", "wiki/api/v2"
WITH_BODY = {"body-format": "storage"}


class Cloud:
    """`representation` is always sent: without it Cloud has answered 500."""

    def __init__(self, site: Transport) -> None:
        self.site = site
        self.host = site.host

    def space(self, key: str) -> Space:
        found = first_in(self.site.ask("GET", f"{V2}/spaces", {"keys": key}))
        if found is None:
            raise NotFound(no_space(self.host, key))
        return Space(key, text_in(found, "id"))

    def page(self, page_id: str) -> Page | None:
        try:
            return read_page(self.host, self.site.ask("GET", f"{V2}/pages/{page_id}", WITH_BODY))
        except NotFound:
            return None

    def find(self, space: Space, title: str) -> Page | None:
        wanted = {"space-id": space.id, "title": title, "status": "current", "limit": "2"}
        found = first_in(self.site.ask("GET", f"{V2}/pages", wanted), folded=title)
        return self.page(text_in(found, "id")) if found else None

    def create(self, space: Space, parent: str, content: Content) -> Page:
        """The API takes no comment with the first version."""
        asked: dict[str, Any] = {"spaceId": space.id, "status": "current", "title": content.title}
        if parent:
            asked["parentId"] = parent
        return read_page(self.host, self.site.ask("POST", f"{V2}/pages", body=asked | _body(content)))

    def update(self, page: Page, content: Content) -> Page:
        """`parentId` is left out: it would move the page."""
        version = {"number": page.version + 1, "message": content.comment}
        asked = {"id": page.id, "status": "current", "title": content.title, "version": version}
        return read_page(self.host, self.site.ask("PUT", f"{V2}/pages/{page.id}", body=asked | _body(content)))

    def property(self, page_id: str) -> Property | None:
        found = first_in(self.site.ask("GET", f"{V2}/pages/{page_id}/properties", {"key": PROPERTY}))
        return read_property(found) if found else None

    def write_property(self, page_id: str, value: dict[str, Any], before: Property | None) -> None:
        where, asked = f"{V2}/pages/{page_id}/properties", {"key": PROPERTY, "value": value}
        if before is None:
            self.site.ask("POST", where, body=asked)
        else:
            self.site.ask("PUT", f"{where}/{before.id}", body=asked | {"version": {"number": before.number + 1}})

    def label(self, page_id: str) -> None:
        self.site.ask("POST", f"{V1}/content/{page_id}/label", body=[{"prefix": "global", "name": LABEL}])

    def trash(self, page_id: str) -> None:
        self.site.ask("DELETE", f"{V2}/pages/{page_id}")


def _body(content: Content) -> dict[str, Any]:
    return {"body": {"representation": "storage", "value": content.body}}
