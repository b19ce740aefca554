"""What tests write into the stand-in, in the words of each dialect."""

from typing import Any

from tests.publishing.confluence_server import There

BODY = "<p>1.4.17</p>"


def for_cloud(there: There, title: str = "Patient UI - TEST", body: str = BODY, **changes: Any) -> dict[str, Any]:
    """The JSON of a new page, as Cloud wants it."""
    wrapped = {"representation": "storage", "value": body}
    return {"spaceId": there.space_id, "status": "current", "title": title, "body": wrapped, **changes}


def next_for_cloud(
    page_id: str, number: int, title: str = "Patient UI - TEST", body: str = BODY, **changes: Any
) -> dict[str, Any]:
    """The JSON of the next version of a page, as Cloud wants it."""
    wrapped = {"representation": "storage", "value": body}
    version = {"number": number, "message": "2026.11.1"}
    return {"id": page_id, "status": "current", "title": title, "body": wrapped, "version": version, **changes}


def for_data_center(title: str = "Patient UI - TEST", body: str = BODY, **changes: Any) -> dict[str, Any]:
    """The JSON of a new page, as Data Center wants it."""
    wrapped = {"storage": {"value": body, "representation": "storage"}}
    return {"type": "page", "title": title, "space": {"key": "REL"}, "body": wrapped, **changes}


def next_for_data_center(
    number: int, title: str = "Patient UI - TEST", body: str = BODY, **changes: Any
) -> dict[str, Any]:
    """The JSON of the next version of a page, as Data Center wants it."""
    wrapped = {"storage": {"value": body, "representation": "storage"}}
    version = {"number": number, "message": "2026.11.1", "minorEdit": True}
    return {"type": "page", "title": title, "body": wrapped, "version": version, **changes}


def error_of(answer: Any) -> dict[str, Any]:
    """The one error in an answer of Cloud."""
    (error,) = answer.json()["errors"]
    return dict(error)
