"""What the bench deploys: packages, projects and releases, made by the verbs that people and pipelines use."""

import time
from collections.abc import Iterable, Sequence
from functools import cache

from django.db import transaction

from accounts.models import Membership, Role, User
from bench.installation import wait_until
from bench.package import archive_of
from deployments import actions
from deployments.models import UNFINISHED, Deployment, Status
from lifecycles.models import Environment, Lifecycle
from projects.models import Process, Project
from registry import actions as registry
from registry import storage
from registry.models import Feed, Package
from releases import actions as releases
from releases.models import Release

PATIENCE = 300.0  # seconds that anything may take before the bench gives up


@cache
def person() -> User:
    """Who asks for everything."""
    user = User.objects.create_user("bench")
    Membership.objects.create(user=user, role=Role.RELEASE_MANAGER)
    return user


@cache
def lifecycle() -> Lifecycle:
    """One phase; the environments, one for each worker pool, all belong to it."""
    made = Lifecycle.objects.create(name="Bench", slug="bench")
    made.phases.create(name="Bench", position=1)
    return made


@cache
def environment(pool: str) -> Environment:
    """Where the workers of this pool deploy to."""
    made = Environment.objects.create(name=pool, slug=pool, worker_pool=pool)
    lifecycle().phases.get().places.create(environment=made)
    return made


@cache
def process() -> Process:
    made = Process.objects.create(name="Bench", slug="bench")
    made.steps.create(position=1, name="Run the release package")
    return made


@cache
def package(name: str, script: str) -> Package:
    """Version 1.0.0 of a package of this name, pushed."""
    made = Package.objects.create(feed=Feed.builtin(), name=name)
    received = storage.receive([archive_of(script)], max_bytes=10**8)
    registry.publish(received, name=name, version="1.0.0", filename=f"{name}.zip", by=person())
    return made


def lone(name: str, script: str, count: int) -> list[Release]:
    """Releases of so many projects on their own, which all run this script."""
    return [_lone(f"{name}-{number}", package(name, script)) for number in range(count)]


@cache
def _lone(name: str, holds: Package) -> Release:
    common = {"lifecycle": lifecycle(), "process": process()}
    project = Project.objects.create(name=name, slug=name, kind=Project.Kind.ALONE, **common)
    project.project_packages.create(package=holds, position=1)
    return releases.create(project, by=person())[0]


@cache
def stack(name: str, script: str, components: int) -> Release:
    """A release of a stack with so many components, each in a stage of its own and deployed every time."""
    project = Project.objects.create(name=name, slug=name, kind=Project.Kind.STACK, lifecycle=lifecycle())
    for stage in range(1, components + 1):
        component = Project.objects.create(
            name=f"{name}-{stage}",
            slug=f"{name}-{stage}",
            kind=Project.Kind.COMPONENT,
            parent=project,
            stage=stage,
            position=stage,
            process=process(),
            condition=Project.Condition.ALWAYS,
        )
        component.project_packages.create(package=package(f"{name}-{stage}", script), position=1)
    return releases.create(project, by=person())[0]


def request(release: Release, pool: str) -> Deployment:
    return actions.request(release, environment(pool), by=person())


def request_together(several: Sequence[Release], pool: str) -> tuple[list[Deployment], float]:
    """Ask for all of them in one transaction, so that the workers see all of them at one moment; and that moment.

    What rings the doorbells comes after it.
    """
    with transaction.atomic():
        rows = [request(release, pool) for release in several]
        began = time.perf_counter()
    return rows, began


def wait_for(deployments: Iterable[Deployment], every: float = 0.01) -> None:
    """Until all have succeeded. Raises RuntimeError when one has not."""
    numbers = [deployment.pk for deployment in deployments]
    rows = Deployment.objects.filter(pk__in=numbers)
    wait_until(lambda: not rows.filter(status__in=UNFINISHED).exists(), PATIENCE, every)
    for row in rows.exclude(status=Status.SUCCEEDED):
        raise RuntimeError(f"{row}: {row.status}: {row.outcome}")
