"""Who carries deployments out: pools, workers, queues; and telling a worker to drain."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from deployments import presence
from portal.access import person, technical_projects, worker_of
from portal.posting import posted_from
from portal.workers_page import Leaving, WorkersPage


@require_GET
def workers(request: HttpRequest) -> HttpResponse:
    """Every pool with its workers, what they run, and what waits."""
    page = WorkersPage(person(request.user), technical_projects(request.user))
    return render(request, "portal/workers.html", {"page": page})


@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """The same again without the frame, or 204 while it is at the revision that the page shows."""
    page = WorkersPage(person(request.user), technical_projects(request.user))
    if page.revision == request.GET.get("rev"):
        return HttpResponse(status=204)
    return render(request, "portal/_workers.html", {"page": page})


@require_http_methods(["GET", "POST"])
def drain(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what draining this worker would do, then does it."""
    worker, user = worker_of(request.user, pk), person(request.user)
    if request.method == "POST":
        presence.drain([worker], by=user)
        messages.success(request, f"{worker} drains: it finishes what it runs and takes nothing new.")
        return redirect("portal:workers")
    return render(request, "portal/drain.html", {"worker": worker, "leaving": Leaving(worker)})


@posted_from("portal:drain")
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    """The worker drains no longer."""
    worker = worker_of(request.user, pk)
    presence.resume([worker], by=person(request.user))
    messages.success(request, f"{worker} takes what is new again.")
    return redirect("portal:workers")
