"""The way in and out."""

from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_POST

from portal.forms.sign_in import SignInForm


class SignIn(auth.LoginView):
    """Django's own, with our form and page: `next` is followed only within Signalbox."""

    template_name = "portal/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.htmx:  # type: ignore[attr-defined]
            # A page polls although its session has ended: let it load anew, so that the person sees the sign-in page.
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        return super().get(request, *args, **kwargs)

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """Where to go on, but never to this page, which would lead in a circle."""
        url = super().get_redirect_url()
        return "" if urlsplit(url).path == self.request.path else url

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


sign_in = SignIn.as_view()


@require_POST
@login_not_required  # where the session has ended already, signing in must not lead back to signing out
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session and say so."""
    response = auth.logout_then_login(request, login_url=resolve_url("portal:sign-in"))
    messages.info(request, "You are signed out.")
    return response
