"""What is on hold: whom a hold concerns, what it keeps from starting, and how that is said.

Questions only; putting a hold and releasing it are the verbs of `holds.py`.
"""

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from deployments.models import Deployment, DeploymentQuerySet, Hold, HoldQuerySet, Status
from lifecycles.models import Environment
from projects import access
from projects.models import Project

NAMES = ("project", "environment", "by", "released_by")  # what every line about a hold shows


def record_of(projects: QuerySet[Project]) -> HoldQuerySet:
    """Every hold that concerns or concerned these projects, released ones included, with names. One query."""
    what = Q(project=None) | Q(project__in=projects.values("pk")) | Q(project__in=projects.values("parent"))
    where = Q(environment=None) | Q(environment__in=access.environments_of(projects))
    return Hold.objects.filter(Exists(projects), what, where).select_related(*NAMES)


def standing_over(projects: QuerySet[Project]) -> list[Hold]:
    """The holds that stand over these projects somewhere, the oldest first. One query."""
    return list(record_of(projects).standing().order_by("pk"))


def standing_over_project(project: Project) -> list[Hold]:
    """The same for one project."""
    return standing_over(Project.objects.filter(pk=project.pk))


def keeping(project: Project, environment: Environment) -> list[Hold]:
    """The holds that keep this project from being deployed to this environment, the oldest first. One query."""
    return list(Hold.objects.concerning(project, environment).select_related(*NAMES).order_by("pk"))


def concerns(hold: Hold, project: Project, environment: Environment) -> bool:
    """Whether this hold is among them, without a query."""
    return hold.project_id in (None, *project.family) and hold.environment_id in (None, environment.pk)


def about_to_start() -> DeploymentQuerySet:
    """What nothing but a hold, its time or another deployment keeps from starting: approved requests, and what goes on
    its own and has found no worker yet. A train that is on its way has started, and all of its components with it."""
    without_worker = Q(status=Status.QUEUED, started_at=None)
    return Deployment.objects.tops().filter(Q(status=Status.SCHEDULED) | without_worker)


def kept_by(hold: Hold) -> DeploymentQuerySet:
    """What is about to start and lies within the scope of this hold."""
    rows = about_to_start()
    if hold.project_id:
        rows = rows.filter(Q(project=hold.project_id) | Q(project__parent=hold.project_id))
    return rows.filter(environment=hold.environment_id) if hold.environment_id else rows


def is_held() -> Exists:
    """Whether a hold stands over it: a condition for querysets of deployments. No join, so that it may go into an
    UPDATE; whether the deployment has started is not asked."""
    what = Q(project=None) | Q(project=OuterRef("project")) | Q(project__components=OuterRef("project"))
    where = Q(environment=None) | Q(environment=OuterRef("environment"))
    return Exists(Hold.objects.standing().filter(what, where))


def sentence_of(hold: Hold) -> str:
    """Who put what on hold, since when and why: “On hold: Shop in PROD since 14:03 — Rita: database migration.”"""
    reason = hold.reason if hold.reason.endswith((".", "!", "?")) else f"{hold.reason}."
    return f"On hold: {hold.what} since {_since(hold)} — {hold.by}: {reason}"


def _since(hold: Hold) -> str:
    """The time of day; with the date where that is not today's."""
    put = timezone.localtime(hold.at)
    today = put.date() == timezone.localdate()
    return f"{put:%H:%M}" if today else f"{put.day} {put:%B %Y, %H:%M}"
