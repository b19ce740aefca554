"""What is in use is neither deleted nor pulled away from under a release; the refusal names what uses it."""

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from deployments.models import Deployment, LiveVersion
from lifecycles.models import Environment, Lifecycle
from projects.models import Process, Project
from releases.blueprint import BlueprintRefused
from tests.factories import (
    a_group,
    a_lifecycle,
    a_lone_project,
    a_release,
    a_rule,
    a_stack,
    a_user,
    an_administrator,
    an_environment,
)
from tests.projects.doors import address, applied, change, everything, rows, says

pytestmark = pytest.mark.django_db

LIVE = (
    "PROD cannot leave the lifecycle TEST, then PROD: Mail is live there and would disappear from view. Give its project"
    " another lifecycle first."
)
MOVING = (
    "PROD cannot leave the lifecycle TEST, then PROD: a deployment of Mail there is not finished. Let it finish, or"
    " cancel it."
)
WITHOUT_PROD = """
    lifecycles:
      - {slug: test-then-prod, name: "TEST, then PROD", phases: [{name: TEST, environments: [{environment: test}]}]}
"""


@pytest.fixture
def admin(client):
    client.force_login(an_administrator())
    return client


@pytest.fixture
def mail():
    return a_lone_project("Mail")


def a_deployment(project, environment, **fields):
    release = a_release(project)
    return Deployment.objects.create(
        project=project, release=release, environment=environment, mode="promote", requested_by=a_user(), **fields
    )


def live(project, environment):
    deployment = a_deployment(project, environment, status="succeeded", finished_at=timezone.now())
    LiveVersion.objects.create(
        project=project,
        environment=environment,
        release=deployment.release,
        deployment=deployment,
        from_at=timezone.now(),
    )


def without_prod(admin, lifecycle):
    test, prod = lifecycle.phases.order_by("position")
    stored = (
        {"id": test.pk, "lifecycle": lifecycle.pk, "name": "TEST", "position": 1, "minimum": 0}
        | {"places": [an_environment("TEST").pk]},
        {"id": prod.pk, "lifecycle": lifecycle.pk, "name": "PROD", "position": 2, "minimum": 0, "DELETE": "on"}
        | {"places": [an_environment("PROD").pk]},
    )
    return change(admin, lifecycle, rows("phases", stored=stored), name=lifecycle.name, slug=lifecycle.slug)


@pytest.mark.parametrize(("use", "sentence"), [(live, LIVE), (a_deployment, MOVING)])
class TestAnEnvironmentThatIsUsedByALifecycle:
    def test_a_form_does_not_take_it_out(self, admin, mail, use, sentence):
        use(mail, an_environment("PROD"))

        page = without_prod(admin, a_lifecycle())

        assert says(page, sentence)
        assert a_lifecycle().places.count() == 2

    def test_a_blueprint_does_not_take_it_out(self, mail, use, sentence):
        use(mail, an_environment("PROD"))
        before = everything()

        with pytest.raises(BlueprintRefused) as refusal:
            applied(WITHOUT_PROD)

        assert refusal.value.sentences == [f"lifecycles[0].phases: {sentence}"]
        assert everything() == before


def test_a_form_takes_out_an_environment_that_nothing_uses(admin, mail):
    page = without_prod(admin, a_lifecycle())

    assert page.status_code == 302
    assert [place.environment.name for place in a_lifecycle().places.all()] == ["TEST"]


def test_a_blueprint_takes_out_an_environment_that_nothing_uses(mail):
    changes = applied(WITHOUT_PROD)

    assert changes == [
        "Lifecycle TEST, then PROD: phases TEST, PROD → TEST",
        "Lifecycle TEST, then PROD: environments TEST: TEST, PROD: PROD → TEST: TEST",
    ]


def test_a_project_keeps_its_lifecycle_while_a_deployment_needs_it(mail):
    a_deployment(mail, an_environment("PROD"))
    a_lifecycle("TEST")

    with pytest.raises(BlueprintRefused) as refusal:
        applied("projects: [{slug: mail, name: Mail, kind: alone, lifecycle: test}]")

    assert refusal.value.sentences == [
        "projects[0].lifecycle: A deployment of Mail to PROD is not finished, and the lifecycle TEST does not know PROD."
        " Let it finish, or cancel it."
    ]


def test_a_project_with_releases_stays_what_it_is(mail):
    a_stack("Shop")
    a_release(mail)

    with pytest.raises(BlueprintRefused) as refusal:
        applied("""
            projects:
              - {slug: shop, name: Shop, kind: stack, components: [{slug: mail, name: Mail, stage: 1}]}
        """)

    assert (
        "projects[0].components[0].kind: Mail has releases, so it stays what it is (project on its own). Add a new"
        " project instead." in refusal.value.sentences
    )


@pytest.mark.parametrize(
    ("model", "name", "user"),
    [
        (Environment, "TEST", "“TEST in TEST (TEST, then PROD)”"),
        (Lifecycle, "TEST, then PROD", "the project “Shop”"),
        (Process, "Execute the release package", "the project “UI”"),
        (Project, "Shop", "the project “UI”"),
        (Project, "UI", "the approval rule “Everybody asks”"),
        (Group, "product-owners", "the approval rule “Everybody asks”"),
    ],
)
def test_what_is_in_use_is_not_deleted(admin, model, name, user):
    shop = a_stack("Shop", components={"UI": 1})
    a_rule("Everybody asks", groups=[a_group("product-owners")], projects=[shop.components.get()])
    row = model.objects.get(name=name)

    page = admin.post(address(model, "delete", row.pk), {"post": "yes"})

    assert f"{name} is in use by " in page.content.decode()
    assert user in page.content.decode()
    assert model.objects.filter(pk=row.pk).exists()


def test_what_nothing_uses_is_deleted_and_recorded(admin):
    environment = an_environment("QA")

    page = admin.post(address(Environment, "delete", environment.pk), {"post": "yes"})

    assert page.status_code == 302
    assert not Environment.objects.exists()
    assert "Environment QA: deleted" in everything()
