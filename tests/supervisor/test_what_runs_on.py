"""Stopping says which scripts go on without a worker."""

import pytest
from django.conf import settings

from deployments.models import Deployment, Status
from portal.supervisor import say_what_runs_on
from tests.factories import a_lone_project, a_release, a_user, an_environment

pytestmark = pytest.mark.django_db


def running(host: str) -> Deployment:
    release = a_release(a_lone_project("Patient UI"))
    return Deployment.objects.create(
        project=release.project,
        release=release,
        environment=an_environment("TEST"),
        status=Status.RUNNING,
        mode=Deployment.Mode.PROMOTE,
        requested_by=a_user(),
        host=host,
    )


def test_a_script_on_this_machine_is_named(keep_connection: None) -> None:
    running(settings.WORKER_HOST)
    said: list[str] = []

    say_what_runs_on(said.append)

    assert said == ["Patient UI to TEST runs on; the next start adopts it."]


def test_a_script_on_another_machine_is_not_ours(keep_connection: None) -> None:
    running("elsewhere.example")
    said: list[str] = []

    say_what_runs_on(said.append)

    assert said == []
