"""Every refusal as a problem document (RFC 9457): one sentence for people, one code for machines."""

import json
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from accounts.tokens import TokenRefused
from deployments.actions import DeploymentRefused
from deployments.policy import Blocker
from registry.refusals import RegistryRefused
from releases.actions import ReleaseRefused

CONTENT_TYPE = "application/problem+json"
BUG = "Something went wrong on our side. It is in the log of the server; tell an administrator when it happened."
NOT_HERE = "There is nothing at this address. The OpenAPI document at /api/v1/openapi.json lists what there is."
HOW_TO_SIGN = "State a token: “Authorization: Bearer sbx_…”. An administrator issues one for a service account."

# Whatever is not named here was refused by a rule: 409.
STATUS_OF: dict[str, int] = {
    "upload-truncated": 400,
    "upload-refused": 400,
    "name-refused": 400,
    "identity-unclear": 400,
    "version-refused": 400,
    "digest-differs": 422,
    "version-removed": 410,
    "upload-too-large": 413,
    "range-not-satisfiable": 416,
    "storage-away": 503,
    "storage-full": 507,
    "upload-empty": 422,
    "manifest-missing": 422,
    "manifest-unreadable": 422,
    "package-refused": 422,
    "build-refused": 422,
    "attachment-too-large": 413,
    "attachment-refused": 422,
    "reason-missing": 422,
    "reason_missing": 422,
    "comment_missing": 422,
    "too_long": 422,
    "version_unknown": 422,
    "version_unreadable": 422,
    "number_unreadable": 422,
    "not_permitted": 403,
    "not_named": 403,
}

logger = logging.getLogger(__name__)


class ApiRefused(Exception):
    """Refused by the API itself, before any rule was asked: what arrived cannot be understood."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.code, self.sentence = status, code, sentence


class ScopeMissing(PermissionDenied):
    """The token does not open this."""


def problem(
    status: int,
    code: str,
    sentence: str,
    *,
    blockers: Sequence[Blocker] = (),
    fields: Sequence[dict[str, str]] = (),
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """The answer to whatever is refused. `type` is about:blank, so `title` is the name of the status (RFC 9457 §4.2.1)."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "sentence": sentence,
        "detail": sentence,
    }
    if blockers:
        content["blockers"] = [
            {"code": blocker.code, "sentence": blocker.sentence, "stops": blocker.stops.value} for blocker in blockers
        ]
    if fields:
        content["fields"] = list(fields)
    body = json.dumps(content, ensure_ascii=False).encode(
        "utf-8", "replace"
    )  # a field that is quoted may hold anything
    return HttpResponse(body, status=status, content_type=CONTENT_TYPE, headers=headers)


def speak_problems(api: NinjaAPI) -> None:
    """Let `api` answer every exception with a problem document."""
    api.add_exception_handler(AuthenticationError, _no_token)
    api.add_exception_handler(TokenRefused, _token_refused)
    api.add_exception_handler(ScopeMissing, _scope_missing)
    api.add_exception_handler(PermissionDenied, _permission_denied)
    api.add_exception_handler(Http404, _not_found)
    api.add_exception_handler(ValidationError, _wrong_shape)
    api.add_exception_handler(HttpError, _http_error)
    api.add_exception_handler(RequestDataTooBig, _too_big)
    api.add_exception_handler(ApiRefused, _api_refused)
    api.add_exception_handler(RegistryRefused, _rule_refused)
    api.add_exception_handler(ReleaseRefused, _rule_refused)
    api.add_exception_handler(DeploymentRefused, _deployment_refused)
    api.add_exception_handler(Exception, _bug)


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    sentence = f"{request.method} is not possible at this address; {allowed} is."
    return problem(405, "method-not-allowed", sentence, headers={"Allow": allowed})


def nothing_here(request: HttpRequest, path: str = "") -> HttpResponse:
    """View: whatever address under the API no operation answers."""
    return problem(404, "not-found", NOT_HERE)


def _no_token(request: HttpRequest, error: Any) -> HttpResponse:
    return problem(401, "token-missing", HOW_TO_SIGN, headers={"WWW-Authenticate": "Bearer"})


def _token_refused(request: HttpRequest, error: Any) -> HttpResponse:
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return problem(401, "token-refused", str(error), headers=headers)


def _scope_missing(request: HttpRequest, error: Any) -> HttpResponse:
    headers = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    return problem(403, "scope-missing", str(error), headers=headers)


def _permission_denied(request: HttpRequest, error: Any) -> HttpResponse:
    return problem(
        403, "not-permitted", str(error) or "You may not do this. Ask an administrator for the role that it takes."
    )


def _not_found(request: HttpRequest, error: Any) -> HttpResponse:
    return problem(404, "not-found", str(error) or NOT_HERE)


def _wrong_shape(request: HttpRequest, error: Any) -> HttpResponse:
    fields = [{"field": _field(found["loc"]), "sentence": str(found["msg"])} for found in error.errors]
    wrong = "; ".join(f"{found['field']}: {found['sentence']}" for found in fields)
    return problem(400, "shape", f"The request does not have the right shape: {wrong}.", fields=fields)


def _field(location: Sequence[Any]) -> str:
    """Where pydantic found the mistake, without the name that our function has for the body."""
    source, *parts = location
    if source == "body":
        parts = parts[1:]
    return ".".join(str(part) for part in parts) or str(source)


def _http_error(request: HttpRequest, error: Any) -> HttpResponse:
    if error.status_code == 400:
        return problem(400, "not-json", "The body is not JSON in UTF-8. Send one JSON object.")
    return problem(error.status_code, "refused", str(error))


def _too_big(request: HttpRequest, error: Any) -> HttpResponse:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return problem(413, "body-too-large", f"The body is larger than {most:,} bytes. Send less at once.")


def _api_refused(request: HttpRequest, error: Any) -> HttpResponse:
    return problem(error.status, error.code, error.sentence)


def _rule_refused(request: HttpRequest, error: Any) -> HttpResponse:
    headers = getattr(error, "headers", None)
    return problem(STATUS_OF.get(error.code, 409), error.code, error.sentence, headers=headers)


def _deployment_refused(request: HttpRequest, error: Any) -> HttpResponse:
    return problem(STATUS_OF.get(error.code, 409), error.code, error.sentence, blockers=error.blockers)


def _bug(request: HttpRequest, error: Any) -> HttpResponse:
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem(500, "bug", BUG)
