"""Rows that are inserted once, and many by one statement."""

import pytest
from django.db import IntegrityError, connection, transaction

from config import quick
from registry.models import Artifact
from tests.factories import a_lone_project

pytestmark = pytest.mark.django_db

ONE, OTHER = "1" * 64, "2" * 64


def test_a_new_row_is_inserted_and_knows_its_key():
    row = Artifact(sha256=ONE, size=1)

    assert quick.insert_once(row)

    assert Artifact.objects.get() == row
    assert not row._state.adding


def test_a_row_that_is_there_in_what_is_unique_is_left_as_it_is():
    first = Artifact.objects.create(sha256=ONE, size=1)
    row = Artifact(sha256=ONE, size=2)

    assert not quick.insert_once(row)

    assert (row.pk, list(Artifact.objects.values_list("pk", "size"))) == (None, [(first.pk, 1)])


def test_the_transaction_goes_on_after_a_row_that_was_there():
    quick.insert_once(Artifact(sha256=ONE, size=1))

    quick.insert_once(Artifact(sha256=ONE, size=1))

    assert quick.insert_once(Artifact(sha256=OTHER, size=1))


def test_a_row_that_breaks_another_rule_is_refused():
    with pytest.raises(IntegrityError), transaction.atomic():
        quick.insert_once(Artifact(sha256=ONE, size=0))

    assert not connection.needs_rollback


def test_several_rows_are_inserted_by_one_statement(django_assert_num_queries):
    website = a_lone_project()
    rows = [website.variables.model(project=website, name=name, value=name.lower()) for name in ("ONE", "TWO")]

    with django_assert_num_queries(1):
        quick.insert_all(rows)

    assert list(website.variables.values_list("name", "value")) == [("ONE", "one"), ("TWO", "two")]
