"""Packages whose scripts leave marks outside, so that every start of theirs is counted, and wait until they are let go."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from django.db import connection

from deployments import log
from deployments.models import Deployment
from lifecycles.models import Environment
from projects.models import Process, Project, Variable
from registry import actions as registry
from registry import storage
from releases import actions as releases
from tests.deployments.scenes import a_zip, requested, work_through
from tests.factories import a_lone_project, a_service_account


class Yard:
    """A directory outside of all runs. Scripts find it under its path; tests read there what they have done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()

    def counting(self, then: str = "", name: str = "starts") -> str:
        """A script that leaves one mark and goes on with `then`."""
        return f'echo "$$" >>"{self.path}/{name}"\n{then}\n'

    def waiting(self, then: str = "", gate: str = "go") -> str:
        """A script that leaves one mark, prints a line, waits for its gate, prints another and goes on with `then`."""
        wait = f'while [ ! -e "{self.path}/{gate}" ]; do sleep 0.02; done'
        return self.counting(f"echo before the gate\n{wait}\necho behind the gate\n{then}")

    def open(self, gate: str = "go") -> None:
        (self.path / gate).touch()

    def lines(self, name: str = "starts") -> list[str]:
        """The marks so far."""
        file = self.path / name
        return file.read_text().splitlines() if file.exists() else []


def a_process_of(*steps: dict[str, object]) -> Process:
    """Steps in this order; what is not stated is as Django admin suggests it."""
    process = Process.objects.create(
        name=f"Process {Process.objects.count()}", slug=f"process-{Process.objects.count()}"
    )
    for position, step in enumerate(steps, start=1):
        process.steps.create(position=position, **({"name": f"Step {position}"} | step))
    return process


def a_variable(
    name: str,
    value: str,
    project: Project | None = None,
    environment: Environment | None = None,
    sensitive: bool = False,
) -> Variable:
    variable = Variable(name=name, project=project, environment=environment)
    variable.set_value(value, sensitive=sensitive)
    variable.save()
    return variable


def a_version_holding(name: str, version: str, archive: bytes) -> None:
    """Publish this archive as it stands."""
    received = storage.receive([archive], max_bytes=10**8)
    registry.publish(received, name=name, version=version, filename=f"{name}.zip", by=a_service_account())


def asked_for(
    script: str | None, *steps: dict[str, object], project: Project | None = None, **files: str
) -> Deployment:
    """A project on its own whose package runs `script`; its deployment to TEST waits for a worker."""
    project = project or a_lone_project(**({"process": a_process_of(*steps)} if steps else {}))
    a_version_holding(project.slug, "1.0.0", a_zip(script, **files))
    release, _ = releases.create(project, by=a_service_account())
    return requested(release, "TEST")


def carried_out(deployment: Deployment) -> Deployment:
    """What became of it after a worker has done all it could."""
    work_through()
    deployment.refresh_from_db()
    return deployment


def output_of(deployment: Deployment) -> str:
    return "".join(log.text_of(deployment))


@contextmanager
def beside(run: Callable[[], object]) -> Iterator[Thread]:
    """`run` in a thread with a database connection of its own, which is over when the block is."""

    def body() -> None:
        try:
            run()
        finally:
            connection.close()

    thread = Thread(target=body, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(30)
        assert not thread.is_alive()
