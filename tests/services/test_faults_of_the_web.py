"""The web server is killed while people approve and twenty scripts run: an approval happens wholly or not at all."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests
from django.db import connection, transaction

from accounts.models import Event
from deployments.models import Approval, Deployment, Status
from tests.deployments.patience import wait_until
from tests.deployments.scenes import released, requested
from tests.factories import a_rule
from tests.services.faults import PATIENCE, RUNNING, Line, all_succeeded, everything_adds_up
from tests.services.web import Person, Web

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

AT_ONCE = 6  # approvals; the server has eight threads


def waiting_for_approval(line: Line) -> list[Deployment]:
    """Trains that an approver has to let go, each with one component."""
    a_rule("Gate", environments=["TEST"], roles=["approver"])
    return [requested(released(stack)) for stack in line.stacks(AT_ONCE, stages=(1,))]


@contextmanager
def approving(person: Person, rows: list[Deployment]) -> Iterator[list[Future]]:
    """The approvals of all these, sent at once; over when the block is, whether they were answered or not."""
    forms = {row.pk: person.filled(decision_on(row)) | {"decision": "approve"} for row in rows}
    with ThreadPoolExecutor(len(rows)) as pool:
        yield [pool.submit(person.send, decision_on(row), forms[row.pk]) for row in rows]


def decision_on(row: Deployment) -> str:
    return f"/deployments/{row.pk}/approval/"


def broken_off(approvals: list[Future]) -> int:
    """How many were never answered."""
    return sum(isinstance(approval.exception(), requests.ConnectionError) for approval in approvals)


@contextmanager
def nothing_can_be_recorded() -> Iterator[None]:
    """Whoever writes a line of the trail waits for the end of this block."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE accounts_event IN SHARE MODE")
        yield


def waiting_to_record() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'accounts_event'::regclass")
        return cursor.fetchone()[0]


def happened(row: Deployment) -> list[object]:
    """Every trace of an approval: the decision, the status, the line of the trail, the components."""
    row.refresh_from_db()
    recorded = Event.objects.filter(subject_id=str(row.pk), verb="approval.approved").exists()
    return [row.approvals.count() == 1, row.status != Status.REQUESTED, recorded, row.children.count() == 1]


@pytest.fixture
def approver(fleet, line: Line, web: Web) -> Person:
    """Somebody who may approve, while twenty scripts run."""
    fleet.start(slots=RUNNING + AT_ONCE)
    line.depart()
    line.wait_for()
    return web.as_("approver")


def test_approvals_that_are_broken_off_midway_have_not_happened_and_can_be_repeated(approver, line, web):
    rows = waiting_for_approval(line)

    with nothing_can_be_recorded(), approving(approver, rows) as approvals:
        wait_until(lambda: waiting_to_record() == AT_ONCE, PATIENCE)
        web.kill()

    assert broken_off(approvals) == AT_ONCE
    assert [any(happened(row)) for row in rows] == [False] * AT_ONCE
    web.start()
    with approving(approver, rows):
        pass
    line.gate.open()
    everything_adds_up(line)
    assert all_succeeded()


def test_approvals_that_are_broken_off_at_any_moment_have_happened_wholly_or_not_at_all(approver, line, web):
    rows = waiting_for_approval(line)

    with approving(approver, rows) as approvals:
        wait_until(Approval.objects.exists, PATIENCE)
        web.kill()

    assert broken_off(approvals)
    assert {len(set(happened(row))) for row in rows} == {1}
    web.start()
    with approving(approver, rows):
        pass
    line.gate.open()
    everything_adds_up(line)
    assert all_succeeded()
    assert [row.approvals.count() for row in rows] == [1] * AT_ONCE
