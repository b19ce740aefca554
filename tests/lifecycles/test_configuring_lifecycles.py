"""A lifecycle is configured on one page: its phases, their order and their environments."""

import pytest

from accounts.models import Event
from lifecycles.models import Lifecycle
from tests.factories import a_lifecycle, an_administrator, an_environment
from tests.projects.doors import add, change, rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    client.force_login(an_administrator())
    return client


def phase(name, position, *environments, **more):
    places = [environment.pk for environment in environments]
    return {"name": name, "position": position, "places": places, "minimum": 0} | more


def stored(row, position, *environments, **more):
    return phase(row.name, position, *environments, id=row.pk, lifecycle=row.lifecycle_id, **more)


def route(lifecycle):
    phases = lifecycle.phases.order_by("position")
    return [(row.name, [str(place.environment) for place in row.places.all()]) for row in phases]


def test_phases_and_environments_are_added_together(admin):
    test, prod = an_environment("TEST"), an_environment("PROD")
    phases = rows("phases", phase("Test", 1, test, automatic=[test.pk]), phase("Production", 2, prod))

    add(admin, Lifecycle, phases, name="Both", slug="both")

    lifecycle = Lifecycle.objects.get()
    assert route(lifecycle) == [("Test", ["TEST"]), ("Production", ["PROD"])]
    assert list(lifecycle.places.filter(automatic=True).values_list("environment__name", flat=True)) == ["TEST"]


def test_phases_change_places(admin):
    lifecycle = a_lifecycle("TEST", "PROD")
    first, second = lifecycle.phases.order_by("position")
    phases = rows(
        "phases",
        stored=(stored(first, 2, an_environment("TEST")), stored(second, 1, an_environment("PROD"))),
    )

    page = change(admin, lifecycle, phases, name=lifecycle.name, slug=lifecycle.slug)

    assert page.status_code == 302
    assert route(lifecycle) == [("PROD", ["PROD"]), ("TEST", ["TEST"])]


def test_an_environment_moves_to_another_phase(admin):
    lifecycle = a_lifecycle("TEST", "PROD")
    first, second = lifecycle.phases.order_by("position")
    qa, test, prod = an_environment("QA"), an_environment("TEST"), an_environment("PROD")
    phases = rows("phases", stored=(stored(first, 1, qa), stored(second, 2, test, prod)))

    change(admin, lifecycle, phases, name=lifecycle.name, slug=lifecycle.slug)

    assert route(lifecycle) == [("TEST", ["QA"]), ("PROD", ["TEST", "PROD"])]


def test_a_change_is_recorded_from_what_to_what(admin):
    environment = an_environment("TEST")
    fields = {"name": "TEST", "slug": "test", "position": 7, "worker_pool": "default"}

    change(admin, environment, **fields)

    line = Event.objects.get(verb="configuration.changed")
    assert line.sentence == "Environment TEST: position 1 → 7"
    assert line.actor.username == "admin"


def test_a_change_of_a_phase_is_recorded_with_its_environments(admin):
    lifecycle = a_lifecycle("TEST")
    phases = rows("phases", stored=(stored(lifecycle.phases.get(), 1, an_environment("QA")),))

    change(admin, lifecycle, phases, name=lifecycle.name, slug=lifecycle.slug)

    line = Event.objects.get(verb="configuration.changed")
    assert line.sentence == "Lifecycle TEST: phase “TEST (TEST)” (environments TEST → QA)"


def test_saving_without_a_change_leaves_no_line(admin):
    lifecycle = a_lifecycle("TEST")
    phases = rows("phases", stored=(stored(lifecycle.phases.get(), 1, an_environment("TEST")),))

    change(admin, lifecycle, phases, name=lifecycle.name, slug=lifecycle.slug)

    assert not Event.objects.exists()
