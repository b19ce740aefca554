"""The approval page: what an approver sees, and what becomes of the answer."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from deployments import actions
from deployments.models import Approval, Deployment, Status
from projects.models import Project
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.scenes import (
    a_gate,
    a_manager,
    a_real_version,
    a_shop,
    deployed,
    released,
    requested,
    work_through,
)
from tests.factories import a_user, an_environment


@pytest.fixture
def otto(db: None) -> User:
    """The one who may approve for TEST."""
    return a_gate("TEST")


@pytest.fixture
def shop(db: None) -> Project:
    return a_shop()


@pytest.fixture
def waiting(otto: User, shop: Project) -> Deployment:
    return requested(released(shop), reason="The fix for the reminders")


def answer(client: Client, deployment: Deployment, decision: str, comment: str = "", fingerprint: str | None = None):
    return client.post(
        reverse("portal:approval", args=[deployment.pk]),
        {
            "decision": decision,
            "comment": comment,
            "fingerprint": deployment.fingerprint if fingerprint is None else fingerprint,
        },
    )


def status_of(deployment: Deployment) -> str:
    return Deployment.objects.get(pk=deployment.pk).status


def test_the_page_says_what_will_change_who_asked_and_why(client, otto, waiting):
    client.force_login(otto)

    page = client.get(reverse("portal:approval", args=[waiting.pk])).content.decode()

    assert "Approve Shop" in page
    assert "It is not there yet." in page
    assert "Asked by mia" in page
    assert "The fix for the reminders" in page
    assert "May still answer: otto." in page
    assert "Approve for TEST" in page


def test_an_approval_starts_the_deployment_and_is_kept_with_its_comment(client, otto, waiting):
    client.force_login(otto)

    response = answer(client, waiting, "approve", "Looks good.")

    assert response.status_code == 302
    assert status_of(waiting) == Status.RUNNING
    assert Approval.objects.get().comment == "Looks good."
    assert "You approved" in client.get(response.url).content.decode()


def test_a_rejection_without_a_comment_is_refused_at_the_comment(client, otto, waiting):
    client.force_login(otto)

    response = answer(client, waiting, "reject")

    page = response.content.decode()
    assert response.status_code == 422
    assert "<title>Error: " in page
    assert '<a href="#id_comment">Say why you reject it, so that the team knows what to mend.</a>' in page
    assert 'aria-describedby="id_comment_helptext id_comment_error"' in page
    assert status_of(waiting) == Status.REQUESTED


def test_a_rejection_ends_the_request(client, otto, waiting):
    client.force_login(otto)

    answer(client, waiting, "reject", "Not on a Friday.")

    assert status_of(waiting) == Status.REJECTED
    assert "Not on a Friday." in client.get(reverse("portal:deployment", args=[waiting.pk])).content.decode()


def test_neither_verb_is_refused_with_a_sentence(client, otto, waiting):
    client.force_login(otto)

    response = answer(client, waiting, "maybe")

    assert response.status_code == 422
    assert "Choose to approve or to reject." in response.content.decode()


def test_the_requester_cannot_approve_and_reads_why(client, waiting, otto):
    waiting_for_self = Deployment.objects.get(pk=waiting.pk)
    a_user("otto", role="release_manager")
    own = actions.request(waiting_for_self.release, an_environment("TEST"), by=otto)
    client.force_login(otto)

    response = answer(client, own, "approve")

    assert response.status_code == 422
    assert "You asked for this deployment, so that somebody else has to approve it." in response.content.decode()
    assert status_of(own) == Status.REQUESTED


def test_nobody_approves_twice(client, shop):
    otto = a_gate("TEST", minimum=2)
    deployment = requested(released(shop))
    client.force_login(otto)
    answer(client, deployment, "approve")

    response = answer(client, deployment, "approve")

    assert response.status_code == 422
    assert "You have decided on this request already." in response.content.decode()
    assert Approval.objects.count() == 1


def test_after_a_rejection_nobody_decides_any_more(client, otto, waiting):
    client.force_login(otto)
    answer(client, waiting, "reject", "No.")

    response = answer(client, waiting, "approve")

    assert response.status_code == 422
    assert "does not wait for approval any more (rejected)" in response.content.decode()


def test_a_superseded_request_cannot_be_approved(client, otto, shop, waiting):
    a_real_version("ui", "1.1.0")
    requested(released(shop))
    client.force_login(otto)

    response = answer(client, waiting, "approve")

    assert response.status_code == 422
    assert "(superseded)" in response.content.decode()


def test_a_changed_plan_is_shown_anew_with_what_has_changed(client, otto, shop, waiting):
    release = waiting.release
    ui = release.components.get(component__slug="ui").release
    alone = actions.request(ui, an_environment("TEST"), by=a_manager(), reason="Hot-fix")
    actions.approve(alone, by=otto, fingerprint=alone.fingerprint)
    deployed_alone(alone)
    client.force_login(otto)

    response = answer(client, waiting, "approve")

    page = response.content.decode()
    assert response.status_code == 422
    assert "The plan has changed since you opened this page." in page
    assert "UI: deploying 1.0.0 in stage 2 before, skipping 1.0.0 now. 1.0.0 is live there already." in page
    assert status_of(waiting) == Status.REQUESTED


def test_the_page_after_a_changed_plan_can_be_approved(client, otto, waiting):
    alone = actions.request(
        waiting.release.components.get(component__slug="ui").release,
        an_environment("TEST"),
        by=a_manager(),
        reason="Hot-fix",
    )
    actions.approve(alone, by=otto, fingerprint=alone.fingerprint)
    deployed_alone(alone)
    client.force_login(otto)
    answer(client, waiting, "approve")
    waiting.refresh_from_db()

    answer(client, waiting, "approve")

    assert status_of(waiting) == Status.RUNNING


def test_an_approval_of_an_older_page_is_refused(client, otto, waiting):
    client.force_login(otto)

    response = answer(client, waiting, "approve", fingerprint="0" * 64)

    assert response.status_code == 422
    assert not Approval.objects.exists()


def test_an_approval_is_withdrawn_and_the_request_waits_again(client, shop):
    otto = a_gate("TEST", minimum=2)
    deployment = requested(released(shop))
    client.force_login(otto)
    answer(client, deployment, "approve")

    response = client.post(reverse("portal:withdraw", args=[deployment.pk]))

    assert response.status_code == 302
    assert Approval.objects.get().withdrawn_at is not None
    assert "Approve for TEST" in client.get(response.url).content.decode()


def test_without_an_approval_there_is_nothing_to_withdraw(client, otto, waiting):
    client.force_login(otto)

    response = client.post(reverse("portal:withdraw", args=[waiting.pk]))

    assert response.status_code == 422
    assert "You have not approved this request" in response.content.decode()


def test_a_viewer_sees_the_request_without_the_buttons(client, waiting, shop):
    client.force_login(a_user("vera", role="viewer", project=shop))

    page = client.get(reverse("portal:approval", args=[waiting.pk])).content.decode()

    assert "No approval rule of this deployment names you" in page
    assert 'name="decision"' not in page


def test_a_comment_is_shown_as_text(client, shop):
    otto = a_gate("TEST", minimum=2)
    deployment = requested(released(shop))
    client.force_login(otto)
    answer(client, deployment, "approve", "<script>alert(1)</script>")

    page = client.get(reverse("portal:approval", args=[deployment.pk])).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_what_waits_for_me_and_for_others_is_told_apart(client, otto, waiting):
    url = reverse("portal:waiting")

    client.force_login(otto)
    mine = client.get(url).content.decode()
    client.force_login(a_manager())
    others = client.get(url).content.decode()

    assert "Your decision is needed" in mine
    assert "Nothing waits for you" in others
    assert "Gate: 1 approval missing from otto." in others


def test_the_evidence_names_where_the_release_is_live(client, shop):
    release = released(shop)
    deployed(release)
    otto = a_gate("PROD")
    client.force_login(otto)

    page = client.get(reverse("portal:approval", args=[requested(release, "PROD").pk])).content.decode()

    assert "In TEST" in page
    assert "live there now" in page
    assert "Nothing is live there yet" in page


def deployed_alone(deployment: Deployment) -> None:
    work_through()
    deployment.refresh_from_db()
    assert deployment.status == Status.SUCCEEDED
