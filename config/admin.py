"""Django's own admin as the place where administrators configure the portal."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

NOT_FOR_YOU = "Only administrators configure Signalbox. Ask one of them for the change, or for the role."


class ConfigurationSite(AdminSite):
    """Open to the administrator role; people sign in at the portal's own page, and once."""

    site_header = "Signalbox configuration"
    site_title = "Signalbox configuration"
    index_title = "What is configured here"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")  # one at a time, with everything that goes with it on one page

    def has_permission(self, request: HttpRequest) -> bool:
        from accounts.backends import is_administrator  # noqa: PLC0415 - this module is loaded before any model

        return is_administrator(request.user)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        guarded: Callable[..., HttpResponse] = super().admin_view(view, cacheable)

        def for_administrators(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied(NOT_FOR_YOU)
            return guarded(request, *args, **kwargs)

        return update_wrapper(for_administrators, guarded)

    @method_decorator(never_cache)
    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one sign-in page, the portal's. Whoever is signed in goes in, or is told why not."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied(NOT_FOR_YOU)
        target = request.GET.get(REDIRECT_FIELD_NAME, "")
        if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
            target = reverse("admin:index")
        if request.user.is_authenticated:
            return HttpResponseRedirect(target)
        return redirect_to_login(target, resolve_url(settings.LOGIN_URL))
