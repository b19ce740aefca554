"""Worker pools over the API: the same as on the page, for the caller's projects."""

import pytest

from deployments import holding
from deployments.models import Deployment
from tests.api.callers import an_account, as_, calling
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_worker, claimed
from tests.deployments.scenes import requested
from tests.factories import a_lifecycle, a_lone_project, a_release, an_environment

pytestmark = pytest.mark.django_db


def a_site(name: str) -> Deployment:
    return requested(a_release(a_lone_project(name, lifecycle=a_lifecycle("TEST"))))


def test_a_pool_is_shown_with_its_workers_and_its_queue():
    an_environment("TEST", capacity=4)
    worker = a_worker(holding.this_worker().name, slots=1, host="build1.example")
    first, second = a_site("Website"), a_site("Intranet")
    claimed()

    (pool,) = as_("viewer").get("/api/v1/pools").json()["items"]

    assert (pool["name"], pool["slots"], pool["free"], pool["waiting"], pool["trouble"]) == ("default", 1, 0, 1, "")
    assert pool["environments"] == [{"slug": "test", "name": "TEST", "capacity": 4}]
    (shown,) = pool["workers"]
    assert (shown["name"], shown["host"], shown["state"]) == (worker.name, "build1.example", "busy")
    assert [(run["id"], run["project"]) for run in shown["runs"]] == [(first.pk, "website")]
    (waiting,) = pool["queue"]
    assert (waiting["id"], waiting["position"], waiting["code"]) == (second.pk, 1, "busy")
    assert waiting["sentence"] == "It starts as soon as a worker is free."
    assert waiting["url"].endswith(f"/api/v1/deployments/{second.pk}")


def test_what_belongs_to_other_projects_is_counted():
    mine, other = a_site("Mine"), a_site("Other")
    caller = an_account("caller", "viewer", project=mine.project)

    (pool,) = calling(caller).get("/api/v1/pools").json()["items"]

    assert [(waiting["id"], waiting["position"]) for waiting in pool["queue"]] == [(mine.pk, 1)]
    assert (pool["waiting"], pool["hidden_waiting"]) == (2, 1)
    assert other.project.name not in str(pool)


def test_a_token_for_one_project_shows_no_other():
    mine, other = a_site("Mine"), a_site("Other")
    client = calling(an_account("caller", "viewer"), project=mine.project)

    (pool,) = client.get("/api/v1/pools").json()["items"]

    assert [waiting["id"] for waiting in pool["queue"]] == [mine.pk]
    assert other.project.slug not in str(pool)


def test_without_a_technical_role_it_is_refused_with_a_sentence():
    answer = as_("business_viewer").get("/api/v1/pools")

    assert answer.status_code == 403
    assert answer.json()["sentence"].startswith("Your roles do not open packages, logs and workers.")


def test_a_deployment_says_its_place_in_the_queue():
    rows = [a_site("Website"), a_site("Intranet")]
    client = as_("viewer")

    places = [client.get(f"/api/v1/deployments/{row.pk}").json()["queue_position"] for row in rows]

    assert places == [1, 2]
    running = claimed()
    assert client.get(f"/api/v1/deployments/{running.pk}").json()["queue_position"] is None
