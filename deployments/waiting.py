"""What waits for whom."""

from accounts.models import User
from deployments import policy
from deployments.models import Deployment, Status
from projects import access


def waiting_for(user: User) -> list[Deployment]:
    """The requests that this person may decide on now, oldest first."""
    return [deployment for deployment in _requested(user) if not policy.why_not_approvable(deployment, user)]


def waiting_for_others(user: User) -> list[Deployment]:
    """The requests of this person's projects that somebody else has to decide on, oldest first."""
    return [deployment for deployment in _requested(user) if policy.why_not_approvable(deployment, user)]


def _requested(user: User) -> list[Deployment]:
    rows = Deployment.objects.filter(status=Status.REQUESTED, project__in=access.projects_for(user))
    return list(rows.with_names().order_by("requested_at", "pk"))
