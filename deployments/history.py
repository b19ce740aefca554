"""What was live when, and what was done: read models over the record."""

from collections.abc import Iterable

from deployments.models import Deployment, LiveVersion, LiveVersionQuerySet
from lifecycles.models import Environment
from projects.models import Project
from releases.models import Release


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
