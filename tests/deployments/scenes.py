"""Stacks with packages that really run, and shortcuts through the verbs that people use."""

import io
import zipfile

from accounts.models import User
from deployments import actions, plans, runner
from deployments.models import Deployment, Status
from lifecycles.models import Environment
from projects.models import Project
from registry import actions as registry
from registry import storage
from registry.models import PackageVersion
from releases import actions as releases
from releases.models import Release
from tests.factories import a_rule, a_service_account, a_stack, a_user, an_environment

NOBODY = 0  # the number of no deployment: a message about it only says that there may be something to do
SAYS_HELLO = 'echo "hello $1 $2"\n'


def a_zip(script: str | None = SAYS_HELLO, **files: str) -> bytes:
    """A package whose release.sh is `script` (None: it has none)."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("VERSION", "1")
        for name, text in files.items():
            archive.writestr(name, text)
        if script is not None:
            archive.writestr("release.sh", f"#!/bin/bash\n{script}")
    return memory.getvalue()


def pushed(name: str, version: str, script: str | None = SAYS_HELLO, by: User | None = None) -> actions.Taken:
    """A push through the verb that the API calls."""
    received = storage.receive([a_zip(script, note=f"{name} {version}")], max_bytes=10**8)
    return actions.take_in(
        received,
        name=name,
        version=version,
        filename=f"{name}.zip",
        inspection=registry.examine(received),
        by=by or a_service_account(),
    )


def a_real_version(name: str, version: str, script: str | None = SAYS_HELLO) -> PackageVersion:
    received = storage.receive([a_zip(script, note=f"{name} {version}")], max_bytes=10**8)
    return registry.publish(
        received, name=name, version=version, filename=f"{name}.zip", by=a_service_account()
    ).version


def a_shop(**scripts: str | None) -> Project:
    """A stack whose API (stage 1) is deployed before its UI (stage 2), with version 1.0.0 of both pushed."""
    stack = a_stack("Shop", components={"API": 1, "UI": 2})
    a_real_version("api", "1.0.0", scripts.get("api", SAYS_HELLO))
    a_real_version("ui", "1.0.0", scripts.get("ui", SAYS_HELLO))
    return stack


def released(stack: Project, **versions: str) -> Release:
    """The release that holds these versions, and the newest of everything else."""
    return releases.create(stack, by=a_service_account(), versions=versions)[0]


def a_manager() -> User:
    return a_user("mia", role="release_manager")


def requested(release: Release, environment: str = "TEST", **details: object) -> Deployment:
    return actions.request(release, an_environment(environment), by=a_manager(), **details)


def work_through(environment: Environment | None = None) -> None:
    """What a worker does until nothing is queued any more."""
    runner.work(NOBODY, environment.worker_pool if environment else "default")


def deployed(release: Release, environment: str = "TEST") -> Deployment:
    """Requested (nobody needs to approve), carried out and succeeded."""
    deployment = requested(release, environment, **({"reason": "alone"} if release.project.parent_id else {}))
    work_through()
    deployment.refresh_from_db()
    assert deployment.status == Status.SUCCEEDED, deployment.outcome
    return deployment


def seen_plan(deployment: Deployment) -> str:
    return plans.plan_for(deployment.release, deployment.environment).fingerprint


def a_gate(*environments: str, minimum: int = 1, **fields: object) -> User:
    """A rule for these environments that names one approver, who is returned."""
    approver = a_user("otto", role="approver")
    a_rule("Gate", environments=[an_environment(name) for name in environments], minimum=minimum, **fields).people.add(
        approver
    )
    return approver
