"""Every page, and who may open it. A route that is missing from the table fails the first test."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django.plugin import DjangoDbBlocker

from deployments import holding
from deployments.holds import hold
from deployments.models import Deployment, Hold
from projects.models import Project
from publishing import sharing
from registry.models import Attachment, PackageVersion
from releases.models import Release
from releases.needs import watch_all
from tests.deployments.rows import a_worker, claimed, interrupted, run_out
from tests.deployments.scenes import a_manager, requested
from tests.factories import (
    a_package,
    a_release,
    a_rule,
    a_source,
    a_stack,
    a_user,
    a_version,
    an_administrator,
    an_environment,
)
from tests.worlds import left_as_it_was, made_once

ROLES = (
    "anonymous",
    "stranger",
    "business_viewer",
    "viewer",
    "deployer",
    "approver",
    "release_manager",
    "administrator",
)
TECHNICAL = {"viewer", "deployer", "approver", "release_manager", "administrator"}
MEMBERS = {"business_viewer", *TECHNICAL}
SIGNED_IN = {"stranger", *MEMBERS}
EVERYBODY = {"anonymous", *SIGNED_IN}
ASKING = {"deployer", "release_manager"}
MANAGING = {"release_manager"}
ADMINISTERING = {"administrator"}
THROUGH = (200, 204, 286, 302, 409, 422)  # 409, 422: the door is open, and the verb says why not

# (route, method): who gets through. Strangers are told 404 and members 403, unless STRANGERS says otherwise.
WHO_MAY = {
    ("portal:sign-in", "get"): EVERYBODY,
    ("portal:sign-out", "post"): SIGNED_IN,
    ("portal:healthz", "get"): EVERYBODY,
    ("portal:readyz", "get"): EVERYBODY,
    ("portal:metrics", "get"): EVERYBODY,  # from this very machine; tests/operations/test_metrics.py has the rest
    ("portal:overview", "get"): SIGNED_IN,
    ("portal:overview-live", "get"): MEMBERS,
    ("portal:project", "get"): MEMBERS,
    ("portal:compare", "get"): MEMBERS,
    ("portal:place", "get"): MEMBERS,
    ("portal:place-notes", "get"): MEMBERS,
    ("portal:place-feed", "get"): MEMBERS,
    ("portal:coming", "get"): MEMBERS,
    ("portal:coming-notes", "get"): MEMBERS,
    ("portal:sharing", "get"): ADMINISTERING,
    ("portal:sharing", "post"): ADMINISTERING,
    ("portal:shared", "get"): EVERYBODY,  # who has the link; tests/portal/test_shared_pages.py has those who have not
    ("portal:shared-place", "get"): EVERYBODY,
    ("portal:shared-feed", "get"): EVERYBODY,
    ("portal:release", "get"): MEMBERS,
    ("portal:run-it-yourself", "get"): TECHNICAL,
    ("portal:release-create", "get"): ASKING,
    ("portal:release-create", "post"): ASKING,
    ("portal:request", "get"): MEMBERS,
    ("portal:request", "post"): MEMBERS,  # without the role, that is one of the reasons why not
    ("portal:notes", "get"): ASKING,
    ("portal:notes", "post"): ASKING,
    ("portal:prevent", "post"): MANAGING,
    ("portal:allow", "post"): MANAGING,
    ("portal:deployments", "get"): SIGNED_IN,
    ("portal:deployment", "get"): MEMBERS,
    ("portal:deployment-live", "get"): MEMBERS,
    ("portal:log", "get"): TECHNICAL,
    ("portal:log-raw", "get"): TECHNICAL,
    ("portal:approval", "get"): MEMBERS,
    ("portal:approval", "post"): MEMBERS,  # whose decision counts is the rule's to say, in a sentence
    ("portal:withdraw", "post"): MEMBERS,  # only one's own
    ("portal:cancel", "get"): MANAGING,  # and whoever asked for it
    ("portal:cancel", "post"): MANAGING,
    ("portal:resolve", "get"): MANAGING,
    ("portal:resolve", "post"): MANAGING,
    ("portal:waiting", "get"): SIGNED_IN,
    ("portal:environments", "get"): SIGNED_IN,
    ("portal:history", "get"): MEMBERS,
    ("portal:holds", "get"): SIGNED_IN,
    ("portal:put-hold", "get"): MANAGING,
    ("portal:put-hold", "post"): MANAGING,
    ("portal:release-hold", "get"): MANAGING,
    ("portal:release-hold", "post"): MANAGING,
    ("portal:packages", "get"): TECHNICAL,
    ("portal:package", "get"): TECHNICAL,
    ("portal:version", "get"): TECHNICAL,
    ("portal:attachment", "get"): TECHNICAL,
    ("portal:download-version", "get"): TECHNICAL,  # 409: the world's packages have no bytes
    ("portal:withdraw-version", "post"): MANAGING,
    ("portal:restore-version", "post"): ADMINISTERING,
    ("portal:evaluations", "get"): TECHNICAL,
    ("portal:feeds", "get"): TECHNICAL,
    ("portal:feed", "get"): TECHNICAL,
    ("portal:ask-feed", "post"): TECHNICAL,
    ("portal:ask-stores", "post"): TECHNICAL,
    ("portal:workers", "get"): TECHNICAL,
    ("portal:workers-live", "get"): TECHNICAL,
    ("portal:drain", "get"): ADMINISTERING,
    ("portal:drain", "post"): ADMINISTERING,
    ("portal:resume", "post"): ADMINISTERING,
    ("portal:messages", "get"): SIGNED_IN,
    ("portal:messages", "post"): SIGNED_IN,
    ("portal:activity", "get"): SIGNED_IN,
}
NO_PACKAGES = {
    "packages",
    "package",
    "version",
    "download-version",
    "attachment",
    "feeds",
    "feed",
    "ask-feed",
    "withdraw-version",
    "restore-version",
    "evaluations",
}
NO_WORKERS = {"workers", "workers-live", "drain", "resume"}
NO_HOLDING = {"put-hold"}
# nobody whom a stranger could ask about
STRANGERS = {f"portal:{name}": 403 for name in NO_PACKAGES | NO_WORKERS | NO_HOLDING}


def routes(patterns: list[URLPattern | URLResolver], namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield f"{namespace}:{pattern.name}", pattern
        else:
            yield from routes(pattern.url_patterns, pattern.namespace or namespace)


ALL = {name: pattern for name, pattern in routes(get_resolver().url_patterns) if name.startswith("portal:")}


def test_every_route_is_in_the_table():
    assert set(ALL) == {route for route, _ in WHO_MAY}


Words = dict[str, dict[str, object]]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: Any) -> Iterator[Words]:
    """One of everything. This process is a worker of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "SPOOL_DIR", tmp_path_factory.mktemp("spool"))
        patch.setattr(holding, "_worker", None)
        with made_once(one_of_everything, django_db_blocker) as words:
            yield words
        holding.this_worker().ownership.release()


@pytest.fixture
def known(world: Words) -> Iterator[Words]:
    with left_as_it_was():
        yield world


def one_of_everything() -> Words:
    """The words that addresses are made of: usually the first, for some routes others."""
    shop = a_stack("Shop", components={"API": 1, "UI": 2})
    a_rule("Gate", environments=[an_environment("PROD")], roles=["approver", "release_manager"])
    release = a_release(shop)
    requested(release)
    run_out()
    waiting = requested(release, "PROD")
    worker = a_worker()
    a_version("ui", "0.9.0", contents={"patient-api": "1.4.113"})
    a_source(a_package("ui"), name="com:{component}")
    watch_all()
    usual = {"slug": "shop", "number": release.number, "pk": waiting.pk, "name": "ui", "version": "1.0.0"}
    usual |= {"environment": "test", "token": the_link(shop)}
    script = Deployment.objects.get(parent__isnull=False, project__slug="ui")
    return {
        "": usual,
        "portal:history": usual | {"slug": "test"},
        "portal:feed": usual | {"slug": "exchange"},
        "portal:ask-feed": usual | {"slug": "exchange"},
        "portal:drain": usual | {"pk": worker.pk},
        "portal:resume": usual | {"pk": worker.pk},
        "portal:resolve": usual | {"pk": one_to_resolve().pk},
        "portal:release-hold": usual | {"pk": one_that_stands().pk},
        "portal:attachment": usual | {"pk": an_attachment(release).pk},
        "portal:log": usual | {"pk": script.pk},
        "portal:log-raw": usual | {"pk": script.pk},
    }


def the_link(stack: Project) -> str:
    """What its shared page is read by."""
    sharing.switch_on(stack, by=an_administrator(), names_people=False)
    return sharing.sharing_of(stack).url.rstrip("/").rpartition("/")[2]


def an_attachment(release: Release) -> Attachment:
    """A row: no bytes are stored."""
    version = PackageVersion.objects.get(package__name="ui", version="1.0.0")
    return version.attachments.create(
        kind="spdx", filename="bom.json", artifact=version.bytes, attached_by=release.created_by
    )


def one_to_resolve() -> Deployment:
    requested(a_release(a_stack("Kiosk", components={"Till": 1})))
    return interrupted(claimed())


def one_that_stands() -> Hold:
    return hold(Project.objects.get(slug="kiosk"), None, by=a_manager(), reason="Stocktaking")


def sign_in(client: Client, role: str) -> None:
    if role == "administrator":
        client.force_login(an_administrator())
    elif role != "anonymous":
        client.force_login(a_user("pat", role=None if role == "stranger" else role))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("route", "method"), WHO_MAY)
def test_who_may(route, method, role, known, client):
    words = known.get(route, known[""])
    url = reverse(route, kwargs={key: words[key] for key in ALL[route].pattern.converters})
    query = "?stack=shop" if route == "portal:overview-live" else ""
    sign_in(client, role)

    response = getattr(client, method)(url + query)

    if role in WHO_MAY[route, method]:
        assert response.status_code in THROUGH
    elif role == "anonymous":
        assert response.url.startswith(reverse("portal:sign-in"))
    else:
        assert response.status_code == (STRANGERS.get(route, 404) if role == "stranger" else 403)
