"""What Atlassian's OpenAPI document of Confluence Cloud v2 says about the requests that are made of it.

Written by hand from that document, and no more of it than the schemas need. Labels are v1 still; what is said of them is from
the documentation of “Add labels to content”.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Operation:
    """One operation. `query`: each parameter with its choices, empty where it is free. `fields`: of the body, with types;
    a dot leads into an object. `choices`: of fields. `in_list`: the body is a list of such objects."""

    method: str
    path: str
    query: dict[str, frozenset[str]] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    choices: dict[str, frozenset[str]] = field(default_factory=dict)
    in_list: bool = False


ANYTHING = ""  # a field without a type
FREE: frozenset[str] = frozenset()
FLAG = frozenset({"true", "false"})
LARGEST_LIMIT = 250
LISTED = {"cursor": FREE, "limit": FREE}
REPRESENTATIONS = frozenset({"storage", "atlas_doc_format", "wiki"})
BODY = {"body": "object", "body.representation": "string", "body.value": "string"}
VERSION = {"version": "object", "version.number": "integer", "version.message": "string"}

OPERATIONS = {
    "find_space": Operation(
        "GET",
        "/wiki/api/v2/spaces",
        query={
            "ids": FREE,
            "keys": FREE,
            "type": frozenset(
                {"global", "collaboration", "knowledge_base", "personal", "system", "onboarding", "xflow_sample_space"}
            ),
            "status": frozenset({"current", "archived"}),
            "labels": FREE,
            "favorited-by": FREE,
            "not-favorited-by": FREE,
            "sort": frozenset({"id", "-id", "key", "-key", "name", "-name"}),
            "description-format": frozenset({"plain", "view"}),
            "include-icon": FLAG,
            **LISTED,
        },
    ),
    "find_page": Operation(
        "GET",
        "/wiki/api/v2/pages",
        query={
            "id": FREE,
            "space-id": FREE,
            "sort": frozenset(
                {"id", "-id", "created-date", "-created-date", "modified-date", "-modified-date", "title", "-title"}
            ),
            "status": frozenset({"current", "archived", "deleted", "trashed"}),
            "title": FREE,
            "body-format": frozenset({"storage", "atlas_doc_format"}),
            "subtype": frozenset({"live", "page"}),
            **LISTED,
        },
    ),
    "get_page": Operation(
        "GET",
        "/wiki/api/v2/pages/{id}",
        query={
            "body-format": frozenset(
                {
                    "storage",
                    "atlas_doc_format",
                    "view",
                    "export_view",
                    "anonymous_export_view",
                    "styled_view",
                    "editor",
                }
            ),
            "get-draft": FLAG,
            "status": frozenset({"current", "archived", "trashed", "deleted", "historical", "draft"}),
            "version": FREE,
            "include-labels": FLAG,
            "include-properties": FLAG,
            "include-version": FLAG,
            "include-versions": FLAG,
        },
    ),
    "create_page": Operation(
        "POST",
        "/wiki/api/v2/pages",
        query={"embedded": FLAG, "private": FLAG, "root-level": FLAG},
        fields={
            "spaceId": "string",
            "status": "string",
            "title": "string",
            "parentId": "string",
            "subtype": "string",
            **BODY,
        },
        required=frozenset({"spaceId"}),
        choices={"status": frozenset({"current", "draft"}), "body.representation": REPRESENTATIONS},
    ),
    "update_page": Operation(
        "PUT",
        "/wiki/api/v2/pages/{id}",
        fields={
            "id": "string",
            "status": "string",
            "title": "string",
            "spaceId": "string",
            "parentId": "string",
            "ownerId": "string",
            **BODY,
            **VERSION,
        },
        required=frozenset({"id", "status", "title", "body", "version"}),
        choices={"status": frozenset({"current", "draft"}), "body.representation": REPRESENTATIONS},
    ),
    "trash_page": Operation("DELETE", "/wiki/api/v2/pages/{id}", query={"purge": FLAG, "draft": FLAG}),
    "get_property": Operation(
        "GET",
        "/wiki/api/v2/pages/{id}/properties",
        query={"key": FREE, "sort": frozenset({"key", "-key"}), **LISTED},
    ),
    "create_property": Operation(
        "POST",
        "/wiki/api/v2/pages/{id}/properties",
        fields={"key": "string", "value": ANYTHING},
    ),
    "update_property": Operation(
        "PUT",
        "/wiki/api/v2/pages/{id}/properties/{id}",
        fields={"key": "string", "value": ANYTHING, **VERSION},
    ),
    "add_labels": Operation(
        "POST",
        "/wiki/rest/api/content/{id}/label",
        fields={"prefix": "string", "name": "string"},
        required=frozenset({"prefix", "name"}),
        choices={"prefix": frozenset({"global", "my", "team"})},
        in_list=True,
    ),
}
