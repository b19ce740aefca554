"""Lists: in pages that neither repeat nor lose a row, with the same number of queries however long they are."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from releases.models import TriggerEvaluation
from tests.api.callers import an_account, as_, calling
from tests.api.rows import a_train
from tests.factories import a_lone_project, a_release, a_stack, a_trigger, a_version

pytestmark = pytest.mark.django_db

LISTS = {
    "/packages": 6,
    "/packages/ui": 4,
    "/packages/ui/versions/1.0.0": 10,
    "/environments": 4,
    "/environments/test/history": 7,
    "/projects": 4,
    "/projects/shop": 11,
    "/projects/shop/grid": 13,
    "/projects/shop/evaluations": 7,
    "/projects/shop/releases": 7,
    "/projects/shop/releases/1.0.1": 17,
    "/deployments": 4,
    "/trail": 5,
}


def grown(stack, trigger, first: int, last: int) -> None:
    """More of everything: versions, releases, deployments, projects, evaluations, lines of the trail."""
    for n in range(first, last):
        version = a_version("ui", f"1.0.{n}")
        release = a_release(stack)
        TriggerEvaluation.objects.create(
            trigger=trigger, version=version, outcome="created", release=release, sentence=f"Release {n}."
        )
        a_train(release)
        a_lone_project(f"Website {n}")


@pytest.mark.parametrize(("address", "pinned"), LISTS.items(), ids=LISTS.keys())
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(address, pinned):
    stack = a_stack("Shop", {"UI": 1})
    trigger = a_trigger(stack)
    client = as_("viewer")
    grown(stack, trigger, 0, 2)
    client.get("/api/v1/projects")  # the token notes its last use with the first request
    with CaptureQueriesContext(connection) as few:
        client.get(f"/api/v1{address}")
    grown(stack, trigger, 2, 6)

    with CaptureQueriesContext(connection) as many:
        answer = client.get(f"/api/v1{address}")

    assert answer.status_code == 200
    assert (len(few), len(many)) == (pinned, pinned), [found["sql"] for found in many]


@pytest.mark.parametrize(
    "address",
    ["/packages/ui", "/projects", "/projects/shop/releases", "/deployments", "/trail", "/environments/test/history"],
)
def test_the_pages_of_a_list_hold_every_row_once(address):
    stack = a_stack("Shop", {"UI": 1})
    grown(stack, a_trigger(stack), 0, 3)
    client = as_("viewer")
    whole = client.get(f"/api/v1{address}?limit=200").json()
    pages, following = [], f"http://testserver/api/v1{address}?limit=2"

    while following:
        page = client.get(following.removeprefix("http://testserver")).json()
        pages, following = [*pages, page["items"]], page["next"]

    assert whole["next"] is None
    assert [line for page in pages for line in page] == whole["items"]
    assert all(len(page) <= 2 for page in pages)


def test_a_filter_goes_along_to_the_next_page():
    stack = a_stack("Shop", {"UI": 1})
    grown(stack, a_trigger(stack), 0, 3)

    following = as_("viewer").get("/api/v1/deployments?project=ui&limit=1").json()["next"]

    assert following.startswith("http://testserver/api/v1/deployments?project=ui&limit=1&cursor=")


def test_an_account_without_roles_sees_empty_lists():
    stack = a_stack("Shop", {"UI": 1})
    grown(stack, a_trigger(stack), 0, 2)
    client = calling(an_account("stranger"))

    lists = ["packages", "environments", "projects", "deployments", "waiting", "trail"]

    assert [client.get(f"/api/v1/{name}").json()["items"] for name in lists] == [[]] * 6


def test_times_name_their_offset():
    stack = a_stack("Shop", {"UI": 1})
    grown(stack, a_trigger(stack), 0, 1)

    line = as_("viewer").get("/api/v1/deployments").json()["items"][0]

    assert line["requested_at"].endswith("Z")
