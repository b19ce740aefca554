"""Looking through what triggers made of versions: which evaluations are meant, and where each version came from."""

from datetime import datetime

from django.db.models import Q, QuerySet

from registry.models import PackageVersion
from releases.models import TriggerEvaluation


def origin_of(version: PackageVersion) -> str:
    """How the version became known, in words: “pushed by ci”, or “seen in Anypoint Exchange”. Needs its package's feed."""
    if version.is_reference:
        return f"seen in {version.package.feed}"
    return f"pushed by {version.published_by}"


def called(text: str, prefix: str = "") -> Q:
    """The packages whose name or label holds this text, whatever its upper and lower case."""
    return Q(**{f"{prefix}name__icontains": text}) | Q(**{f"{prefix}label__icontains": text})


def narrowed(
    evaluations: QuerySet[TriggerEvaluation],
    *,
    package: str = "",
    outcome: str = "",
    trigger: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[TriggerEvaluation]:
    """Those that all of this holds for; what is empty or None does not count.

    package       a part of the package's name or label
    outcome       one of TriggerEvaluation.Outcome
    trigger       the name of the trigger
    since, until  when it was evaluated: from the one, and before the other
    """
    wanted = {"outcome": outcome, "trigger__name__iexact": trigger, "at__gte": since, "at__lt": until}
    rows = evaluations.filter(**{field: value for field, value in wanted.items() if value})
    return rows.filter(called(package, "version__package__")) if package else rows
