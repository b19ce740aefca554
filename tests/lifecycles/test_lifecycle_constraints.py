"""What the database itself refuses about environments and lifecycles, whoever writes."""

import pytest
from django.db import IntegrityError
from django.db.models import ProtectedError

from lifecycles.models import Environment, Lifecycle, PhaseEnvironment
from tests.factories import a_lifecycle, an_environment

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["", "-TEST", "TEST 1", "TEST;rm", "TÉST", "$(id)"])
def test_a_name_that_is_no_argument_is_refused(name):
    with pytest.raises(IntegrityError, match="environment_name_is_an_argument"):
        Environment.objects.create(name=name, slug="x")


@pytest.mark.parametrize("fields", [{"name": "TEST", "slug": "other"}, {"name": "OTHER", "slug": "test"}])
def test_an_environment_exists_once(fields):
    an_environment("TEST")

    with pytest.raises(IntegrityError):
        Environment.objects.create(**fields)


def test_a_position_is_taken_once_in_a_lifecycle():
    lifecycle = a_lifecycle()

    with pytest.raises(IntegrityError):
        lifecycle.phases.create(name="Again", position=1)


def test_an_environment_is_in_one_phase_of_a_lifecycle():
    lifecycle = a_lifecycle("TEST", "PROD")

    with pytest.raises(IntegrityError):
        lifecycle.phases.get(name="PROD").places.create(environment=an_environment("TEST"))


def test_an_environment_may_be_in_several_lifecycles():
    a_lifecycle("TEST", "PROD")

    a_lifecycle("TEST")

    assert an_environment("TEST").places.count() == 2


def test_a_place_names_the_lifecycle_of_its_phase():
    place = a_lifecycle("TEST").places.get()
    other = Lifecycle.objects.create(name="Other", slug="other")

    with pytest.raises(IntegrityError, match="An environment's place names the lifecycle of its phase"):
        PhaseEnvironment.objects.filter(pk=place.pk).update(lifecycle=other)


def test_a_new_place_names_the_lifecycle_of_its_phase():
    phase = a_lifecycle("TEST").phases.get()
    other = Lifecycle.objects.create(name="Other", slug="other")

    with pytest.raises(IntegrityError, match="An environment's place names the lifecycle of its phase"):
        PhaseEnvironment.objects.bulk_create(
            [PhaseEnvironment(phase=phase, lifecycle=other, environment=an_environment("QA"))]
        )


def test_an_environment_of_a_lifecycle_is_not_deleted():
    a_lifecycle("TEST")

    with pytest.raises(ProtectedError):
        an_environment("TEST").delete()
