"""What CI has pushed, and taking a version out of use."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_safe

from accounts.models import User
from portal import evidence_page, package_list, package_page
from portal.access import (
    may_on_package,
    package_of,
    packages_of,
    person,
    require_on_package,
    technical_projects,
    version_of,
)
from portal.forms.decisions import ReasonForm
from portal.forms.filters import OfPackages, OfVersions
from portal.paging import numbered_page_of, page_of
from portal.posting import posted_from
from projects.access import Act
from registry import actions, serving
from registry.models import PackageVersion
from registry.refusals import RegistryRefused

PLAIN = "text/plain; charset=utf-8"
WITHOUT_BYTES = {"version-removed": 410, "storage-away": 503}  # otherwise 409


@require_GET
def packages(request: HttpRequest) -> HttpResponse:
    """Every package with its newest version and where it is live."""
    user = person(request.user)
    narrow = OfPackages(request.GET, technical_projects(user))
    rows = package_list.listed(packages_of(user), user, narrow.chosen("name") or "", narrow.chosen("project"))
    page = numbered_page_of(request, rows)
    context = {"page": page, "lines": package_list.lines_of(page.rows, user), "filter": narrow}
    return render(request, "portal/packages.html", context)


@require_GET
def package(request: HttpRequest, name: str) -> HttpResponse:
    """The versions of one package, last pushed first."""
    found, user = package_of(request.user, name), person(request.user)
    narrow = OfVersions(request.GET)
    rows = found.versions.select_related("artifact", "published_by").defer("contents")
    page = page_of(
        request, package_page.narrowed(rows, narrow.chosen("version") or "", narrow.chosen("state") or "", user)
    )
    context = {
        "package": found,
        "about": package_page.PackagePage(found, user),
        "page": page,
        "lines": package_page.versions_of(page.rows, user),
        "filter": narrow,
    }
    return render(request, "portal/package.html", context)


@require_GET
def version(request: HttpRequest, name: str, version: str) -> HttpResponse:
    """One version: what it holds, where it is live, which releases use it."""
    return _page(request, version_of(request.user, name, version), None)


@require_safe
def download(request: HttpRequest, name: str, version: str) -> HttpResponseBase:
    """The package itself. What stands in the way is said on the version's page."""
    found = version_of(request.user, name, version)
    try:
        return serving.download(request, found)
    except serving.RangeNotSatisfiable as refusal:
        return HttpResponse(refusal.sentence, status=416, content_type=PLAIN, headers=refusal.headers)
    except RegistryRefused as refusal:
        messages.error(request, refusal.sentence)
        return _page(request, found, None, status=WITHOUT_BYTES.get(refusal.code, 409))


@posted_from("portal:version")
def withdraw(request: HttpRequest, name: str, version: str) -> HttpResponse:
    """Take a version out of use: it stays on record and is never deployed again."""
    found = version_of(request.user, name, version)
    return _change(request, found, Act.MANAGE, actions.withdraw, "is withdrawn")


@posted_from("portal:version")
def restore(request: HttpRequest, name: str, version: str) -> HttpResponse:
    """Put a withdrawn version back into use, which takes an administrator."""
    found = version_of(request.user, name, version)
    return _change(request, found, Act.RESTORE, actions.restore, "is back in use")


@require_GET
def attachment(request: HttpRequest, name: str, version: str, pk: int) -> HttpResponseBase:
    """One attachment of a version, as a file."""
    holder = version_of(request.user, name, version)
    found = holder.attachments.select_related("artifact", "version__package").filter(pk=pk).first()
    if found is None:
        raise Http404(f"{holder} has no attachment {pk}.")
    try:
        return serving.attachment(request, found)
    except RegistryRefused as refusal:
        messages.error(request, refusal.sentence)
        return redirect("portal:version", holder.package.name, holder.version)


def _change(
    request: HttpRequest, found: PackageVersion, act: Act, verb: Callable[..., PackageVersion], words: str
) -> HttpResponse:
    user: User = person(request.user)
    require_on_package(user, act, found.package)
    form = ReasonForm(request.POST)
    if form.is_valid():
        try:
            verb(found, by=user, reason=form.cleaned_data["reason"])
        except RegistryRefused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(request, f"{found} {words}.")
            return redirect("portal:version", found.package.name, found.version)
    return _page(request, found, form)


def _page(request: HttpRequest, found: PackageVersion, form: ReasonForm | None, status: int = 200) -> HttpResponse:
    context = {
        "version": found,
        "contents": package_page.contents_of(found),
        "about": package_page.about_of(found),
        "use": package_page.use_of(found, person(request.user)),
        "may_change": may_on_package(request.user, Act.RESTORE if found.is_withdrawn else Act.MANAGE, found.package),
        "build": evidence_page.build_page(found, person(request.user)),
        "attachments": found.attachments.select_related("artifact", "attached_by"),
        "form": form or ReasonForm(),
    }
    return render(request, "portal/version.html", context, status=422 if form else status)
