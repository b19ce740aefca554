"""The trail keeps to what its reader may see."""

from django.urls import reverse

from deployments.models import Deployment
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.scenes import a_manager, pushed, requested
from tests.factories import a_release, a_stack, a_user, an_administrator


def activity(client, **query: str) -> str:
    return client.get(reverse("portal:activity"), query).content.decode()


def test_the_activity_shows_who_did_what_and_leads_to_it(client, db):
    train = requested(a_release(a_stack("Shop", components={"UI": 1})))
    client.force_login(a_manager())

    page = activity(client)

    assert "mia asked for Shop 1.0.1 to TEST." in page
    assert f'<a href="{reverse("portal:deployment", args=[train.pk])}">Shop 1.0.1 to TEST</a>' in page


def test_nobody_reads_about_projects_of_others(client, db):
    mine, other = a_stack("Shop", components={"UI": 1}), a_stack("Bank", components={"Vault": 1})
    pushed("vault", "1.0.0")
    requested(a_release(other))
    requested(a_release(mine))
    client.force_login(a_user("vera", role="viewer", project=mine))

    page = activity(client)

    assert "Shop 1.0.1" in page
    assert "Bank" not in page
    assert "vault" not in page


def test_pushes_are_told_to_those_who_may_see_packages(client, db):
    shop = a_stack("Shop", components={"UI": 1})
    pushed("ui", "1.0.0")

    client.force_login(a_user("vera", role="viewer", project=shop))
    seen = activity(client)
    client.force_login(a_user("bea", role="business_viewer", project=shop))
    hidden = activity(client)

    assert "ci published ui 1.0.0." in seen
    assert "published" not in hidden


def test_the_activity_narrows_to_a_project_and_a_person(client, db):
    requested(a_release(a_stack("Shop", components={"UI": 1})))
    client.force_login(an_administrator())

    page = activity(client, who="mia", project="shop")

    assert "mia asked for" in page
    assert "was created" not in page
    assert Deployment.objects.exists()
