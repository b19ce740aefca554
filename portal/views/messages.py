"""Which messages one gets, and what became of the last ones."""

from django.contrib import messages as told
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from portal.access import person
from portal.forms.fields import posted
from portal.forms.messages import ChoosingForm, ForStack
from portal.messages_page import MessageLine, deliveries_to
from portal.paging import page_of
from projects.access import projects_for
from projects.models import Project
from publishing.messages import mail, preferences
from publishing.messages.audience import why_no_mail


@require_http_methods(["GET", "POST"])
def messages(request: HttpRequest) -> HttpResponse:
    """What this person gets, for everything or, with `?stack=SLUG`, for one stack; and the last messages."""
    user = person(request.user)
    narrow = ForStack(request.GET, projects_for(user).exclude(kind=Project.Kind.COMPONENT))
    stack = narrow.chosen("stack")
    where = "As everywhere" if stack else "As usual"
    choices = preferences.choices_of(user, stack)
    form = ChoosingForm(posted(request), choices, preferences.hour_of(user), where=where)
    if form.is_valid():
        preferences.choose(user, stack, form.chosen, form.cleaned_data["hour"])
        told.success(request, f"Your choices{f' for {stack}' if stack else ''} are kept.")
        query = f"?{urlencode({'stack': stack.slug})}" if stack else ""
        return redirect(f"{reverse('portal:messages')}{query}")
    page = page_of(request, deliveries_to(user), size=20)
    context = {
        "form": form,
        "narrow": narrow,
        "stack": stack,
        "stacks": preferences.stacks_of(user),
        "page": page,
        "lines": [MessageLine(row) for row in page.rows],
        "problem": why_no_mail(user),
        "goes_to_files": mail.goes_to_files(),
    }
    return render(request, "portal/messages.html", context, status=422 if form.is_bound else 200)
