"""The addresses that answers name, complete, so that a pipeline can follow them."""

from django.http import HttpRequest
from django.urls import reverse

from deployments.models import Deployment
from lifecycles.models import Environment
from projects.models import Project
from releases.models import Release


def of_project(request: HttpRequest, project: Project) -> str:
    return request.build_absolute_uri(reverse("api:project", args=[project.slug]))


def of_place(request: HttpRequest, project: Project, environment: Environment) -> str:
    return request.build_absolute_uri(reverse("api:place", args=[project.slug, environment.slug]))


def of_release(request: HttpRequest, release: Release) -> str:
    return request.build_absolute_uri(reverse("api:release", args=[release.project.slug, release.number]))


def of_deployment(request: HttpRequest, deployment: Deployment) -> str:
    return request.build_absolute_uri(reverse("api:deployment", args=[deployment.pk]))
