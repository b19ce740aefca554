"""From which status to which: one table, one verb, and a database that holds what is final."""

from itertools import product

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from deployments.models import FINAL, MAY_BECOME, UNFINISHED, Deployment, Status, move
from tests.deployments.rows import a_row

pytestmark = pytest.mark.django_db

ALLOWED = [(before, to) for to, sources in MAY_BECOME.items() for before in sources]
REFUSED = [pair for pair in product(Status, Status) if pair not in ALLOWED]


def as_stored(row: Deployment) -> dict[str, object]:
    return Deployment.objects.filter(pk=row.pk).values().get()


def finishing(to: Status) -> dict[str, object]:
    return {"finished_at": timezone.now()} if to in FINAL else {}


def test_the_table_says_of_every_status_where_it_may_come_from():
    assert set(MAY_BECOME) == set(Status)


def test_nothing_leads_out_of_a_final_status():
    assert not set(FINAL) & {before for before, _ in ALLOWED}


def test_every_status_is_either_final_or_unfinished():
    assert sorted((*FINAL, *UNFINISHED)) == sorted(Status)


def test_a_deployment_begins_without_having_been_anything_else():
    assert MAY_BECOME[Status.PENDING] == ()


@pytest.mark.parametrize(("before", "to"), ALLOWED)
def test_a_move_in_the_table_is_made(before, to):
    row = a_row(before)

    moved = move(row.pk, to, **finishing(to))

    assert (moved, as_stored(row)["status"]) == (True, to)


@pytest.mark.parametrize(("before", "to"), REFUSED)
def test_a_move_that_is_not_in_the_table_is_refused_and_leaves_the_row_as_it_was(before, to):
    row = a_row(before)
    stored = as_stored(row)

    moved = move(row.pk, to, outcome="Changed.", **finishing(to))

    assert (moved, as_stored(row)) == (False, stored)


def test_who_holds_an_older_fence_moves_nothing():
    row = a_row(Status.RUNNING, fence=2)
    stored = as_stored(row)

    moved = move(row.pk, Status.SUCCEEDED, holding=1, finished_at=timezone.now())

    assert (moved, as_stored(row)) == (False, stored)


def test_of_two_that_make_the_same_move_one_is_told_so():
    row = a_row(Status.RUNNING)

    told = [
        move(row.pk, Status.FAILED, finished_at=timezone.now()),
        move(row.pk, Status.FAILED, finished_at=timezone.now()),
    ]

    assert told == [True, False]


@pytest.mark.parametrize(("before", "to"), [(before, to) for before, to in REFUSED if before in FINAL and before != to])
def test_a_final_status_is_final_even_for_a_raw_update(before, to):
    row = a_row(before)
    finished_at = row.finished_at if to in FINAL else None

    with pytest.raises(IntegrityError, match="Final is final"), transaction.atomic():
        Deployment.objects.filter(pk=row.pk).update(status=to, finished_at=finished_at)

    assert as_stored(row)["status"] == before
