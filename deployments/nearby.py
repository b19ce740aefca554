"""Deployments with their project, release, environment and train: what carrying them out needs to know, in one look.

The columns that are not read are fetched when they are asked for.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.db import connection

from config import quick
from deployments.models import Deployment
from lifecycles.models import Environment
from projects.models import Project
from registry.models import Artifact, Feed, Package, PackageVersion
from releases.models import Release, ReleasePackage

OF_DEPLOYMENT = (
    *("id", "project_id", "release_id", "environment_id", "parent_id", "stage", "status", "requested_by_id"),
    *("started_at", "finished_at", "outcome", "fence", "attempt", "host", "owner", "boot_id", "deadline_at"),
    *("overdue_at", "cancel_requested_at", "cancel_requested_by_id", "cancel_stops_running", "failure_ignored"),
)
OF_PROJECT = ("id", "name", "slug", "kind", "parent_id", "time_limit_seconds")
OF_RELEASE = ("id", "project_id", "number")
WITH_SNAPSHOT = ("id", "project_id", "number", "snapshot")
OF_ENVIRONMENT = ("id", "name", "slug", "worker_pool", "capacity")
OF_VERSION = (
    *("id", "package_id", "version", "original", "artifact_id", "digest", "entry_point"),
    *("withdrawn_at", "withdrawn_reason", "removed_at", "removed_reason"),
)
OF_PACKAGE = ("id", "feed_id", "name", "label")
OF_FEED = ("id", "slug")
OF_ARTIFACT = ("id", "sha256")


def deployment(pk: int) -> Deployment:
    """The row with its release's snapshot, and its train where it has one. Raises Deployment.DoesNotExist."""
    row = _read("d.id = %s", pk, of_release=WITH_SNAPSHOT)[0]
    if row.parent_id:
        row.parent = _read("d.id = %s", row.parent_id)[0]
    return row


def locked_train(pk: int) -> tuple[Deployment, list[Deployment]]:
    """A stack's deployment, locked until the transaction ends, and its components' in their order, each knowing it."""
    train = _read("d.id = %s", pk, quick.locked("d"))[0]
    children = _read("d.parent_id = %s", pk, "ORDER BY d.stage, d.id")
    for child in children:
        child.parent = train
    return train, children


def packages_of(release: Release) -> list[PackageVersion]:
    """The package versions that a component's release holds, in its order, with package, feed and artifact; what lies in
    an outside store has none."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_packages()} WHERE l.release_id = %s ORDER BY l.id", [release.pk])
        return [_package(iter(values)) for values in cursor.fetchall()]


def _package(values: Iterator[Any]) -> PackageVersion:
    version = quick.loaded(PackageVersion, OF_VERSION, values)
    version.package = quick.loaded(Package, OF_PACKAGE, values)
    version.package.feed = quick.loaded(Feed, OF_FEED, values)
    artifact = quick.loaded(Artifact, OF_ARTIFACT, values)
    version.artifact = artifact if version.artifact_id else None
    return version


def _read(
    condition: str, parameter: int, ending: str = "", of_release: tuple[str, ...] = OF_RELEASE
) -> list[Deployment]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_rows(of_release)} WHERE {condition} {ending}", [parameter])
        rows = [_row(iter(values), of_release) for values in cursor.fetchall()]
    return rows


def _row(values: Iterator[Any], of_release: tuple[str, ...]) -> Deployment:
    row = quick.loaded(Deployment, OF_DEPLOYMENT, values)
    row.project = quick.loaded(Project, OF_PROJECT, values)
    row.release = quick.loaded(Release, of_release, values)
    row.environment = quick.loaded(Environment, OF_ENVIRONMENT, values)
    row.release.project = row.project
    return row


@cache
def _packages() -> str:
    columns = [
        quick.columns(PackageVersion, OF_VERSION, of="v"),
        quick.columns(Package, OF_PACKAGE, of="p"),
        quick.columns(Feed, OF_FEED, of="f"),
        quick.columns(Artifact, OF_ARTIFACT, of="a"),
    ]
    return (
        f"SELECT {', '.join(columns)} FROM {quick.quoted(ReleasePackage)} l"  # noqa: S608 - names of tables and columns
        f" JOIN {quick.quoted(PackageVersion)} v ON v.id = l.version_id"
        f" JOIN {quick.quoted(Package)} p ON p.id = v.package_id"
        f" JOIN {quick.quoted(Feed)} f ON f.id = p.feed_id"
        f" LEFT JOIN {quick.quoted(Artifact)} a ON a.id = v.artifact_id"
    )


@cache
def _rows(of_release: tuple[str, ...]) -> str:
    columns = [
        quick.columns(Deployment, OF_DEPLOYMENT, of="d"),
        quick.columns(Project, OF_PROJECT, of="p"),
        quick.columns(Release, of_release, of="r"),
        quick.columns(Environment, OF_ENVIRONMENT, of="e"),
    ]
    return (
        f"SELECT {', '.join(columns)} FROM {quick.quoted(Deployment)} d"  # noqa: S608 - names of tables and columns
        f" JOIN {quick.quoted(Project)} p ON p.id = d.project_id"
        f" JOIN {quick.quoted(Release)} r ON r.id = d.release_id"
        f" JOIN {quick.quoted(Environment)} e ON e.id = d.environment_id"
    )
