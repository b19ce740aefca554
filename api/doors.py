"""One operation of the API: its address, what opens it, what it answers and what it refuses, all documented."""

from collections.abc import Callable, Mapping
from typing import Any

from ninja import Router
from ninja.types import TCallable

from accounts.models import Scope
from api.auth import Session, Token
from api.shapes.common import Problem

ALWAYS_POSSIBLE = (400, 401, 403, 500)


def door(
    router: Router,
    method: str,
    path: str,
    *,
    scope: Scope,
    answers: Mapping[int, Any],
    summary: str,
    refuses: tuple[int, ...] = (),
    name: str | None = None,
    document: dict[str, Any] | None = None,
    head: bool = False,
) -> Callable[[TCallable], TCallable]:
    """Register the decorated view.

    scope     what a token needs; reading is open to a signed-in person's session as well
    answers   status → schema of a success
    refuses   statuses of refusals besides those that are always possible; 404 is added where the address names something
    document  what the OpenAPI document says beyond that
    head      whether HEAD is answered as well, by the same view
    """
    refusals = {*ALWAYS_POSSIBLE, *refuses, *({404} if "{" in path else ())}
    auth = [Token(scope), Session()] if method == "GET" else [Token(scope)]
    register = router.api_operation(
        [method],
        path,
        auth=auth,
        response={**answers, **dict.fromkeys(sorted(refusals), Problem)},
        summary=summary,
        url_name=name,
        openapi_extra={"x-scope": str(scope), **(document or {})},
    )
    if not head:
        return register
    register_head = router.api_operation(["HEAD"], path, auth=auth, url_name=name, include_in_schema=False)
    return lambda view: register_head(register(view))
