"""The broker forgets and goes away, the database is restarted and killed, while twenty scripts run."""

import time

import pytest
from django.db import connection

from deployments.models import Deployment, Status
from tests.deployments.patience import wait_until
from tests.deployments.scenes import a_real_version, released
from tests.factories import a_lone_project
from tests.services.faults import PATIENCE, RUNNING, TRAINS, Line, all_succeeded, everything_adds_up
from tests.services.web import Web

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

OUTAGE = 10.0  # seconds without a broker
AT_ONCE = 2.0  # seconds more than with a broker; the machine may be busy, and waiting for one would take four


def test_a_broker_that_forgets_everything_loses_no_deployment(broker, fleet, line):
    fleet.start(slots=RUNNING)
    line.depart(2 * TRAINS)
    line.wait_for()
    assert queued() == RUNNING

    broker.client().flushall()
    line.gate.open()

    everything_adds_up(line)
    assert all_succeeded()


def queued() -> int:
    return Deployment.objects.filter(status=Status.QUEUED).count()


class Asking:
    """Somebody who has the page open on which a site's deployment is asked for."""

    def __init__(self, web: Web, line: Line, site: str) -> None:
        project = a_lone_project(site)
        a_real_version(project.slug, "1.0.0", line.script())
        self.path = f"/projects/{project.slug}/releases/{released(project).number}/request/?environment=test"
        self.manager = web.as_("release_manager")
        self.form = self.manager.filled(self.path)

    def sends(self) -> tuple[str, float]:
        """The page that follows, and after how many seconds."""
        began = time.monotonic()
        return self.manager.send(self.path, self.form), time.monotonic() - began


def test_without_a_broker_requests_are_accepted_at_once_and_say_that_they_wait(broker, fleet, line, web):
    fleet.start(slots=RUNNING)
    line.depart()
    line.wait_for()
    before, meanwhile = Asking(web, line, "First"), Asking(web, line, "Second")
    _, usual = before.sends()
    broker.stop()
    stopped = time.monotonic()

    page, seconds = meanwhile.sends()

    assert seconds < usual + AT_ONCE
    assert "Waits for a worker" in page
    line.gate.open()
    wait_until(all_succeeded, PATIENCE)
    wait_until(lambda: time.monotonic() - stopped > OUTAGE)
    broker.start()
    everything_adds_up(line)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_database_that_is_restarted_is_waited_for(database, fleet, line, end):
    fleet.start(slots=RUNNING)
    fleet.start(slots=RUNNING)
    line.depart()
    line.wait_for()

    getattr(database, end)()
    connection.close()
    line.let_end(RUNNING // 2)
    wait_until(lambda: "the database is not available" in fleet.said(), PATIENCE)
    database.start()
    line.gate.open()

    everything_adds_up(line)
    assert all_succeeded()
