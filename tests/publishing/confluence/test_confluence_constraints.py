"""What the database itself refuses to keep about Confluence."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from publishing.models import Connection, Publication
from tests.factories import a_component, a_connection, a_publishing, a_stack, an_environment

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def refused(write) -> str:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        write()
    return str(refusal.value)


def a_page(**fields: object) -> Publication:
    stack = a_stack("Shop")
    publishing = a_publishing(stack, a_connection())
    usual = {
        "key": "component:1:1",
        "kind": "component",
        "project": a_component(stack),
        "environment": an_environment(),
        "next_at": NOW,
    }
    where = {"publishing": publishing, "connection": publishing.connection, "space": "REL"}
    return Publication.objects.create(**where | usual | fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"dialect": "wiki"}, "connection_dialect_is_known"),
        ({"url": ""}, "connection_has_an_address"),
        ({"problem": "It is away."}, "connection_problem_since_when"),
        ({"failures": 1}, "connection_problem_since_when"),
        ({"next_at": NOW}, "connection_problem_since_when"),
    ],
)
def test_a_connection_is_whole(fields, constraint):
    assert constraint in refused(lambda: a_connection(**fields))


def test_a_token_is_encrypted():
    connection = a_connection()
    rows = Connection.objects.filter(pk=connection.pk)

    assert "connection_secret_is_encrypted" in refused(lambda: rows.update(secret="plain"))


def test_the_page_of_an_environment_needs_those_of_its_components():
    stack, connection = a_stack("Shop"), a_connection()

    assert "publishing_merges_what_there_is" in refused(lambda: a_publishing(stack, connection, component_pages=False))


def test_a_stack_is_published_in_one_place():
    stack, connection = a_stack("Shop"), a_connection()
    a_publishing(stack, connection)

    refused(lambda: a_publishing(stack, connection, space="OTHER"))


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"kind": "wiki"}, "publication_kind_fits_its_subject"),
        ({"kind": "stack"}, "publication_kind_fits_its_subject"),
        ({"environment": None}, "publication_kind_fits_its_subject"),
        ({"state": "lost"}, "publication_"),
        ({"next_at": None}, "publication_next_look_unless_withdrawn"),
        ({"state": "withdrawn"}, "publication_next_look_unless_withdrawn"),
        ({"state": "parked"}, "publication_problem_since_when"),
        ({"state": "waiting", "problem": "It is away."}, "publication_problem_since_when"),
        ({"problem": "It is away.", "failing_since": NOW}, "publication_problem_since_when"),
        ({"state": "current"}, "publication_current_has_a_page"),
        ({"state": "current", "page_id": "1"}, "publication_current_has_a_page"),
        ({"claimed_until": NOW}, "publication_claimed_by_somebody"),
        ({"claimed_by": "somebody"}, "publication_claimed_by_somebody"),
    ],
)
def test_a_publication_is_whole(fields, constraint):
    assert constraint in refused(lambda: a_page(**fields))


def test_a_page_is_there_once():
    row = a_page()

    row.pk = None
    refused(row.save)
