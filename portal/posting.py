"""What only a form's POST may do."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

View = Callable[..., HttpResponse]


def posted_from(page: str) -> Callable[[View], View]:
    """Lets a view answer POST alone, and leads everything else to the page (a URL name with the same parts) whose form
    posts there: whoever signs in again after a session has ended comes back by GET."""

    def decorate(view: View) -> View:
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def answer(request: HttpRequest, **parts: object) -> HttpResponse:
            return view(request, **parts) if request.method == "POST" else redirect(reverse(page, kwargs=parts))

        return answer

    return decorate
