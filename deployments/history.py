"""What was live when, and what was done: read models over the record."""

from collections.abc import Iterable

from deployments.models import Deployment, LiveVersion, LiveVersionQuerySet
from lifecycles.models import Environment
from projects.models import Project
from registry.models import Package
from releases.models import Release, ReleasePackage


def live_history(environment: Environment, projects: Iterable[Project]) -> LiveVersionQuerySet:
    """Every interval of these projects there, newest first, as a queryset with everything a line shows."""
    return (
        LiveVersion.objects.filter(environment=environment, project__in=projects)
        .select_related("project__parent", "release__project", "environment", "deployment__requested_by")
        .order_by("-from_at", "-pk")
    )


def deployments_of(release: Release) -> list[Deployment]:
    """Every deployment that concerned this release, as a train or on its own, newest first."""
    own = Deployment.objects.filter(release=release).with_names()
    return list(own.order_by("-pk"))


def live_holders(package: Package, environment: Environment, projects: Iterable[Project]) -> list[ReleasePackage]:
    """Those of these projects whose release that is live there holds the package, as its line with version and project."""
    now = ReleasePackage.objects.filter(
        package=package,
        release__live_versions__until_at=None,
        release__live_versions__environment=environment,
        release__live_versions__project__in=projects,
    )
    return list(now.select_related("version", "release__project").order_by("release__project__slug"))
