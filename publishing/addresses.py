"""Where people read more in Signalbox itself: whole addresses, for texts that are read elsewhere."""

from django.conf import settings
from django.urls import reverse

from projects.models import Project
from releases.models import Release


def project(of: Project) -> str:
    return _whole(reverse("portal:project", args=[of.slug]))


def release(of: Release) -> str:
    """Needs its project."""
    return _whole(reverse("portal:release", args=[of.project.slug, of.number]))


def _whole(path: str) -> str:
    return f"{settings.BASE_URL}{path}"
