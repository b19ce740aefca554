"""What waits for whom."""

from accounts.models import User
from deployments import decisions, policy
from deployments.models import Deployment, Status
from projects import access
from projects.access import Act


def waiting_for(user: User) -> list[Deployment]:
    """The requests that this person may decide on now, oldest first."""
    return [deployment for deployment in _requested(user) if not policy.why_not_approvable(deployment, user)]


def waiting_for_others(user: User) -> list[Deployment]:
    """The requests of this person's projects that somebody else has to decide on, oldest first."""
    return [deployment for deployment in _requested(user) if policy.why_not_approvable(deployment, user)]


def undecided_for(user: User) -> list[Deployment]:
    """The scripts that cannot go on until this person, or somebody else with the role, decides; oldest first."""
    return [deployment for deployment in _undecided(user) if _is_asked(user, deployment)]


def undecided_for_others(user: User) -> list[Deployment]:
    """The scripts of this person's projects that wait for a decision of somebody else, oldest first."""
    return [deployment for deployment in _undecided(user) if not _is_asked(user, deployment)]


def _requested(user: User) -> list[Deployment]:
    rows = Deployment.objects.filter(status=Status.REQUESTED, project__in=access.projects_for(user))
    return list(rows.with_names().order_by("requested_at", "pk"))


def _undecided(user: User) -> list[Deployment]:
    rows = Deployment.objects.scripts().filter(status__in=decisions.UNDECIDED, project__in=access.projects_for(user))
    return list(rows.with_names().select_related("mark_proposed_by").order_by("requested_at", "pk"))


def _is_asked(user: User, deployment: Deployment) -> bool:
    """Whoever has marked it as succeeded has done their part, until somebody else has looked as well."""
    if decisions.proposal_stands(deployment) and deployment.mark_proposed_by_id == user.pk:
        return False
    return access.may(user, Act.MANAGE, deployment.project, deployment.environment)
