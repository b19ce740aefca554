"""The machine door: everything under /api/v1/, and its OpenAPI document."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.renderers import JSONRenderer

from api import (
    attachments,
    builds,
    bundle,
    deliveries,
    deployments,
    environments,
    feeds,
    holds,
    latest,
    packages,
    places,
    pools,
    problems,
    projects,
    publications,
    releases,
    trail,
)

DESCRIPTION = """\
Everything that the pages do, for pipelines. Send `Authorization: Bearer sbx_…` with the token of a service account; the token's
scopes open at most what the account's roles allow. Lists come in pages of `limit` rows and name the address of the next page.
Times are RFC 3339. Every refusal is a problem document (RFC 9457) with a `sentence` for people and a `code` for machines.
"""


class Readable(JSONRenderer):
    """Sentences as they are, for people who look at the answer of curl."""

    json_dumps_params = {"ensure_ascii": False}


class MachineDoor(NinjaAPI):
    """Answers every address below it itself: no page to sign in, no HTML, whatever is asked."""

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        patterns, app, namespace = super().urls
        doors = [
            _open(pattern) for pattern in patterns if isinstance(pattern, URLPattern) and pattern.name != "api-root"
        ]
        doors += [
            _open(path("", problems.nothing_here, name="api-root")),
            _open(path("<path:path>", problems.nothing_here)),
        ]
        return [*doors], app, namespace

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """As ninja writes it, with refusals under the media type that they have."""
        schema = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        for operations in schema["paths"].values():
            for operation in operations.values():
                for status, answer in operation["responses"].items():
                    if int(status) >= 400:
                        answer["content"] = {problems.CONTENT_TYPE: answer["content"].pop("application/json")}
        return schema


def _open(pattern: URLPattern) -> URLPattern:
    """The API authenticates by itself, so that nothing leads to the page for signing in."""
    pattern.callback = _answering(pattern.callback)
    return pattern


def _answering(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """`view` for callers who are machines: 405 is a problem too, and no cache in between keeps an answer."""

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if response.status_code == 405 and isinstance(response, HttpResponse):
            response = problems.method_not_allowed(request, response.headers["Allow"])
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    update_wrapper(answer, view, assigned=("__module__", "__name__", "__doc__"), updated=())
    answer.csrf_exempt = True  # type: ignore[attr-defined]  # what changes something takes a token, never a cookie
    answer.login_required = False  # type: ignore[attr-defined]
    return answer


api = MachineDoor(
    title="Signalbox",
    version="1",
    description=DESCRIPTION,
    docs_url=None,  # its pages load scripts from elsewhere, which the Content-Security-Policy forbids
    urls_namespace="api",
    renderer=Readable(),
)
SUBJECTS = (
    packages,
    latest,
    builds,
    attachments,
    feeds,
    environments,
    projects,
    places,
    releases,
    bundle,
    deployments,
    holds,
    pools,
    publications,
    trail,
    deliveries,
)
for subject in SUBJECTS:
    api.add_router("", subject.router)
problems.speak_problems(api)
