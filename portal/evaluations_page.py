"""What became known of packages, by pushes and by looking into outside stores, and what triggers made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from portal.access import Person, packages_of, technical_projects
from portal.forms.filters import UNWATCHED, OfEvaluations
from projects.models import Project
from registry.models import PackageVersion
from releases.evaluations import called, origin_of
from releases.models import TriggerEvaluation


@dataclass(frozen=True)
class Seen:
    """A version, how it became known, and what each trigger made of it."""

    version: PackageVersion
    origin: str
    led_to: list[TriggerEvaluation]


def versions_seen(user: Person, narrow: OfEvaluations) -> QuerySet[PackageVersion]:
    """The versions that this person may know of and that the filter leaves, ready for `lines_of`."""
    projects = technical_projects(user)
    told = _told(projects, narrow)
    everything = TriggerEvaluation.objects.filter(trigger__project__in=projects)
    mine = Q(package__in=packages_of(user)) | Q(
        pk__in=everything.values("version")
    )  # the latter also outside the portal
    rows = PackageVersion.objects.filter(mine).select_related("package__feed", "published_by")
    if narrow.chosen("outcome") == UNWATCHED:
        rows = rows.filter(evaluations=None)
    elif any(narrow.chosen(name) for name in ("project", "trigger", "outcome")):
        rows = rows.filter(pk__in=told.values("version"))
    if text := narrow.chosen("package"):
        rows = rows.filter(called(text, "package__"))
    if since := narrow.chosen("since"):
        rows = rows.filter(published_at__gte=_beginning_of(since))
    if until := narrow.chosen("until"):
        rows = rows.filter(published_at__lt=_beginning_of(until + timedelta(days=1)))
    led_to = told.select_related("trigger__project", "release__project").order_by("pk")
    return rows.prefetch_related(Prefetch("evaluations", led_to, to_attr="led_to"))


def lines_of(versions: Sequence[Any]) -> list[Seen]:
    return [Seen(version, origin_of(version), version.led_to) for version in versions]


def _told(projects: QuerySet[Project], narrow: OfEvaluations) -> QuerySet[TriggerEvaluation]:
    """The evaluations that are told of each version."""
    project, trigger, outcome = (narrow.chosen(name) for name in ("project", "trigger", "outcome"))
    told = TriggerEvaluation.objects.filter(trigger__project__in=[project] if project else projects)
    told = told.filter(trigger=trigger) if trigger else told
    return told.filter(outcome=outcome) if outcome and outcome != UNWATCHED else told


def _beginning_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
