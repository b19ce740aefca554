"""What CI tells the portal about the build of a sample package. Standard library only.

In a pipeline it is what the build server states in its environment; anywhere else a made-up story that follows from the
version, so that the portal has something to show.
"""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any

STORIES = {
    "patient-ui": (
        ("PP-101", "Patients see on which ward they are"),
        ("PP-104", "Dates are shown the way people write them"),
        ("PP-107", "The whole menu works with the keyboard"),
        ("PP-110", "Text stays readable on a small phone"),
        ("PP-113", "A page that fails says what to do"),
    ),
    "anypoint-desired-state": (
        ("PP-102", "The patient API answers within a second"),
        ("PP-105", "Admissions knows the ward of a transfer"),
        ("PP-108", "Time limits of both APIs are settings"),
        ("PP-111", "TEST runs with half the memory of PROD"),
    ),
}


def facts_of(
    component: str, version: str, source: str, environ: Mapping[str, str], work_items: Mapping[str, str]
) -> dict[str, Any]:
    """The body of `PUT /packages/{name}/versions/{version}/build`.

    source      what the package was built from, as a commit
    environ     the environment of the process: GitHub Actions, GitLab CI, Jenkins and Azure Pipelines are known
    work_items  id to title, as somebody states them; they take the place of the made-up ones
    """
    facts = stated_by_server(environ) or _made_up(component, version, source)
    if work_items:
        facts["work_items"] = _items(work_items.items())
    return facts


def stated_by_server(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the build server says; empty where there is none.

    The names are those of docs.github.com (“Variables reference”), docs.gitlab.com (“Predefined CI/CD variables”),
    jenkins.io (“Using environment variables”) and learn.microsoft.com (“Use predefined variables”).
    """
    get = environ.get
    if get("GITHUB_ACTIONS"):
        repository = f"{get('GITHUB_SERVER_URL')}/{get('GITHUB_REPOSITORY')}"
        run = f"{repository}/actions/runs/{get('GITHUB_RUN_ID')}"
        return _stated(
            "GitHub Actions", get("GITHUB_RUN_NUMBER"), run, get("GITHUB_REF_NAME"), get("GITHUB_SHA"), repository
        )
    if get("GITLAB_CI"):
        number, page = get("CI_PIPELINE_IID"), get("CI_PIPELINE_URL")
        return _stated(
            "GitLab CI", number, page, get("CI_COMMIT_REF_NAME"), get("CI_COMMIT_SHA"), get("CI_PROJECT_URL")
        )
    if get("JENKINS_URL"):
        return _stated(
            "Jenkins", get("BUILD_NUMBER"), get("BUILD_URL"), get("GIT_BRANCH"), get("GIT_COMMIT"), get("GIT_URL")
        )
    if get("TF_BUILD"):
        run = f"{get('SYSTEM_COLLECTIONURI')}{get('SYSTEM_TEAMPROJECT')}/_build/results?buildId={get('BUILD_BUILDID')}"
        number, branch = get("BUILD_BUILDNUMBER"), get("BUILD_SOURCEBRANCHNAME")
        return _stated("Azure Pipelines", number, run, branch, get("BUILD_SOURCEVERSION"), get("BUILD_REPOSITORY_URI"))
    return {}


def _stated(
    server: str, number: str | None, url: str | None, branch: str | None, commit: str | None, repository: str | None
) -> dict[str, Any]:
    facts: dict[str, str | None] = {"server": server, "number": number, "branch": branch, "commit": commit}
    for name, address in (("url", url), ("repository", repository)):
        if address and address.startswith(("https://", "http://")):  # the portal links to it
            facts[name] = _web(address)
    return {name: value for name, value in facts.items() if value}


def _made_up(component: str, version: str, source: str) -> dict[str, Any]:
    """The same for the same version: the first three numbers choose the stories, a new minor version brings two."""
    major, minor, patch = [*(int(number) for number in re.findall(r"\d+", re.split("[-+]", version)[0])), 0, 0, 0][:3]
    stories = STORIES[component]
    at = 2 * minor + patch
    chosen = [stories[(at + more) % len(stories)] for more in range(1 if patch else 2)]
    commits = [source, hashlib.sha1(f"{source} before".encode()).hexdigest()]
    return {
        "server": "Example CI",
        "number": str(100 * major + 10 * minor + patch),
        "branch": "main",
        "commit": source,
        "commits": [
            {"id": commit, "message": f"{item}: {title}", "author": "developer"}
            for commit, (item, title) in zip(commits, chosen)  # noqa: B905 - `strict` came after Python 3.9
        ],
        "work_items": _items(chosen),
    }


def _items(told: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"id": item, "title": title} for item, title in told]


def _web(address: str) -> str:
    """Without the name and password that some build servers put into it; blanks escaped."""
    parts = urllib.parse.urlsplit(address.replace(" ", "%20"))
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
