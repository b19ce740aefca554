"""One release: what it brings and where it is, asking for it to go somewhere, its notes; and putting a new one together."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from deployments import actions as deployments
from deployments import alignment, inside, on_hold, plans, policy
from deployments.actions import DeploymentRefused
from lifecycles.models import Environment
from portal.access import person
from portal.alone import consequences_of
from portal.forms.fields import posted
from portal.forms.releases import AloneForm, NewReleaseForm, NotesForm, PreventForm, RequestForm
from portal.posting import posted_from
from portal.release_page import ReleasePage
from projects.access import Act, get_project
from releases import actions, needs
from releases.actions import ReleaseRefused
from releases.models import Release

WINDOW_CODES = ("window_over", "window_empty")


@require_GET
def release(request: HttpRequest, slug: str, number: str) -> HttpResponse:
    found = _release(request, slug, number)
    return _page(request, found, None)


@require_http_methods(["GET", "POST"])
def request_deployment(request: HttpRequest, slug: str, number: str) -> HttpResponse:
    """Says what deploying it there would do, then asks for it. `?environment=SLUG` says where."""
    found, user = _release(request, slug, number), person(request.user)
    environment = _environment(request, found)
    form = _request_form(request, found, environment)
    if request.method == "POST" and form.is_valid():
        try:
            reason, start_at, not_after = form.details()
            deployment = deployments.request(
                found, environment, by=user, reason=reason, start_at=start_at, not_after=not_after
            )
        except DeploymentRefused as refusal:
            form.add_error("not_after" if refusal.code in WINDOW_CODES else None, refusal.sentence)
        else:
            messages.success(request, f"{deployment} was requested.")
            return redirect("portal:deployment", deployment.pk)
    plan = plans.plan_for(found, environment)
    context = {
        "release": found,
        "environment": environment,
        "form": form,
        "plan": plan,
        "lines": inside.lines_of(plan.items),
        "live": alignment.live_version(found.project, environment),
        "blockers": policy.why_not_deployable(found, environment, by=user),
        "stopped": policy.why_not_requestable(found, environment, by=user),
        "consequences": consequences_of(found, environment) if found.project.parent_id else None,
    }
    return render(request, "portal/request.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
def notes(request: HttpRequest, slug: str, number: str) -> HttpResponse:
    """Edit the notes, the only words of a release that ever change; or look beforehand at what becomes of them."""
    found = _release(request, slug, number, Act.CREATE_RELEASE)
    form = NotesForm(posted(request), initial={"notes": found.notes})
    preview = form.cleaned_data["notes"] if "preview" in request.POST and form.is_valid() else None
    if request.method == "POST" and preview is None and form.is_valid():
        actions.edit_notes(found, form.cleaned_data["notes"], by=person(request.user))
        messages.success(request, f"The notes of {found} were changed.")
        return redirect("portal:release", slug, number)
    context = {"release": found, "form": form, "preview": preview}
    return render(request, "portal/notes.html", context, status=422 if form.errors else 200)


@posted_from("portal:release")
def prevent(request: HttpRequest, slug: str, number: str) -> HttpResponse:
    """Keep the release from going further."""
    found = _release(request, slug, number, Act.MANAGE)
    form = PreventForm(request.POST)
    if form.is_valid():
        try:
            actions.prevent_progression(found, by=person(request.user), reason=form.cleaned_data["reason"])
        except ReleaseRefused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(request, f"{found} may not go further from now on.")
            return redirect("portal:release", slug, number)
    return _page(request, found, form)


@posted_from("portal:release")
def allow(request: HttpRequest, slug: str, number: str) -> HttpResponse:
    """Let the release go further again."""
    found = _release(request, slug, number, Act.MANAGE)
    try:
        actions.allow_progression(found, by=person(request.user))
    except ReleaseRefused as refusal:
        messages.warning(request, refusal.sentence)
    else:
        messages.success(request, f"{found} may go further again.")
    return redirect("portal:release", slug, number)


@posted_from("portal:release")
def ask_stores(request: HttpRequest, slug: str, number: str) -> HttpResponse:
    """Look again now for what the release needs from outside stores, instead of when its turn comes."""
    found = _release(request, slug, number, Act.SEE_TECHNICAL)
    needs.ask_again(found)
    messages.success(request, "It is looked up again within seconds. Load the page again to see what came of it.")
    return redirect("portal:release", slug, number)


@require_http_methods(["GET", "POST"])
def create(request: HttpRequest, slug: str) -> HttpResponse:
    """Put a release together; the newest version of every package is chosen beforehand."""
    project = get_project(request.user, slug, act=Act.CREATE_RELEASE)
    form = NewReleaseForm(posted(request), project=project)
    if request.method == "POST" and form.is_valid():
        try:
            made, new = actions.create(
                project, by=person(request.user), versions=form.versions(), notes=form.cleaned_data["notes"]
            )
        except ReleaseRefused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(request, f"{made} was created." if new else f"{made} holds exactly this already.")
            return redirect("portal:release", slug, made.number)
    return render(request, "portal/create.html", {"project": project, "form": form}, status=422 if form.errors else 200)


def _release(request: HttpRequest, slug: str, number: str, act: Act = Act.SEE) -> Release:
    project = get_project(request.user, slug, act=act)
    known = project.releases.with_contents().select_related("progression_prevented_by")
    found = known.filter(number=number).first() if number.isprintable() else None
    if found is None:
        raise Http404(f"{project} has no release {number}.")
    return found


def _page(request: HttpRequest, found: Release, form: PreventForm | None) -> HttpResponse:
    context = {"release": found, "page": ReleasePage(found, person(request.user)), "form": form or PreventForm()}
    context["holds"] = on_hold.standing_over_project(found.project)
    return render(request, "portal/release.html", context, status=422 if form else 200)


def _environment(request: HttpRequest, found: Release) -> Environment:
    """The environment that was named, else the next one of the release's lifecycle."""
    places = found.project.track.environments()
    slug = request.GET.get("environment", "")
    named = next((place for place in places if place.slug == slug), None)
    if named is None and slug:
        raise Http404(f"There is no environment “{slug}” in the lifecycle of {found.project}.")
    place = named or ReleasePage(found, person(request.user)).next or (places[-1] if places else None)
    if place is None:
        raise Http404(f"The lifecycle of {found.project} has no environments.")
    return place


def _request_form(request: HttpRequest, found: Release, environment: Environment) -> RequestForm:
    if found.project.parent_id:
        return AloneForm(posted(request), environment=environment, project=found.project)
    return RequestForm(posted(request))
