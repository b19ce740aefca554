"""A message leads to the page where one decides, after signing in as well; opening it never decides anything."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from deployments.models import Approval, Deployment, Status
from publishing.messages import links
from publishing.models import Kind
from tests.deployments.rows import a_rows_shop
from tests.deployments.scenes import a_gate, requested
from tests.factories import a_notice, a_release

pytestmark = pytest.mark.django_db


@pytest.fixture
def otto():
    otto = a_gate("TEST")
    otto.set_password("correct horse battery")
    otto.save()
    return otto


@pytest.fixture
def waiting(otto) -> Deployment:
    return requested(a_release(a_rows_shop(), "1.0.0"))


def undecided(row: Deployment) -> bool:
    row.refresh_from_db()
    return row.status == Status.REQUESTED and not Approval.objects.exists()


def test_whoever_follows_the_link_signs_in_and_lands_on_the_decision(client: Client, waiting, settings):
    path = links.path_of(a_notice(waiting, Kind.DECISION_NEEDED))

    door = client.get(path)
    assert door.status_code == 302
    page = client.get(door["Location"])
    onward = re.search(r'name="next" value="([^"]*)"', page.content.decode())[1]
    landed = client.post(
        reverse("portal:sign-in"),
        {"username": "otto", "password": "correct horse battery", "next": onward},
        follow=True,
    )

    assert landed.redirect_chain == [(path, 302)]
    assert "Approve Shop" in landed.content.decode()
    assert undecided(waiting)


@pytest.mark.parametrize("method", ["get", "head", "options"])
@pytest.mark.parametrize("query", ["", "?decision=approve", "?decision=reject&comment=No&fingerprint="])
def test_opening_a_link_decides_nothing_whatever_it_says(client: Client, otto, waiting, method, query):
    client.force_login(otto)
    address = f"{links.path_of(a_notice(waiting, Kind.DECISION_NEEDED))}{query}{waiting.fingerprint if query else ''}"

    answer = getattr(client, method)(address)

    assert answer.status_code in (200, 405)
    assert undecided(waiting)


def test_a_program_that_looks_at_links_in_mails_changes_nothing(client: Client, waiting):
    for name in ("approval", "withdraw", "cancel"):
        for method in (client.get, client.head):
            method(reverse(f"portal:{name}", args=[waiting.pk]), follow=True)

    assert undecided(waiting)


def test_a_decision_takes_the_form_of_the_page_itself(otto, waiting):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(otto)

    answer = strict.post(
        reverse("portal:approval", args=[waiting.pk]), {"decision": "approve", "fingerprint": waiting.fingerprint}
    )

    assert answer.status_code == 403
    assert undecided(waiting)
