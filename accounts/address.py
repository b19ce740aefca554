"""Where the request that is being answered comes from, so that the trail can say so."""

from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

_address: ContextVar[str] = ContextVar("address", default="")


def current() -> str:
    """The address of the client whose request is being answered; empty outside a request."""
    return _address.get()


class RememberAddress:
    """Middleware: keep the client's address for the time of one request.

    Behind a reverse proxy the server in front must rewrite REMOTE_ADDR; a header that any client can send is not
    believed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _address.set(request.META.get("REMOTE_ADDR") or "")
        try:
            return self.get_response(request)
        finally:
            _address.reset(token)
