"""The page of the workers: pools, who serves them, what waits; and the button that lets a worker drain."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Event, User
from deployments import holding, presence
from deployments.models import Deployment, Worker
from lifecycles.models import Environment
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_worker, claimed
from tests.deployments.scenes import a_manager, requested
from tests.factories import a_lifecycle, a_lone_project, a_release, a_user, an_administrator, an_environment
from tests.portal.pages import buttons_of, opened, said, title_of


@pytest.fixture
def viewer(client: Client, db: None) -> User:
    viewer = a_user("vic", role="viewer")
    client.force_login(viewer)
    return viewer


@pytest.fixture
def administrator(client: Client, db: None) -> User:
    administrator = an_administrator()
    client.force_login(administrator)
    return administrator


def a_site(name: str, environment: str = "TEST") -> Deployment:
    return requested(a_release(a_lone_project(name, lifecycle=a_lifecycle(environment))), environment)


def live(client: Client, rev: str):
    return client.get(reverse("portal:workers-live"), {"rev": rev})


def revision_in(page) -> str:
    return page.content.decode().split("?rev=")[1].split('"')[0]


# -- what it shows ----------------------------------------------------------------------------------------------------


def test_it_shows_each_pool_with_its_environments_workers_and_queue(client, viewer):
    a_worker(holding.this_worker().name, slots=2, host="build1.example")
    a_site("Website")
    a_site("Intranet")
    Environment.objects.filter(name="TEST").update(capacity=1)
    claimed()

    page = said(opened(client, "workers"))

    assert "1 worker ready, 1 deployment waiting." in page
    assert "Pool “default” 1 of 2 slots are free Deploys to TEST (at most 1 at once) and 1 more that none" in page
    assert f"build1.example {holding.this_worker().name}" in page
    assert "1 of 2 busy Website 1.0.0 to TEST since" in page
    assert "Queue 1 waiting" in page
    assert "Intranet 1.0.0 to TEST just now by mia At most one script runs in TEST at once" in page


def test_silent_and_draining_workers_are_told_apart(client, viewer):
    a_worker("silent.example:1:a", heard=7200)
    a_worker("leaving.example:1:a", drain_requested_at=timezone.now())
    a_worker("ready.example:1:a")

    page = said(opened(client, "workers"))

    assert "silent.example:1:a Silent last heard 2 hours ago" in page
    assert "leaving.example:1:a Draining since" in page
    assert "it runs nothing any more" in page
    assert "ready.example:1:a Ready started just now" in page


def test_a_pool_that_nobody_serves_and_one_that_nobody_names_say_so(client, viewer):
    an_environment("DMZ", worker_pool="dmz")
    a_worker("spare.example:1:a", "spare")

    page = said(opened(client, "workers"))

    assert "No worker serves the pool “dmz” at present." in page
    assert "No environment names this pool, so its workers have nothing to do." in page


def test_scripts_whose_worker_is_gone_are_shown(client, viewer):
    a_site("Website")
    claimed()

    page = said(opened(client, "workers"))

    assert "Without a worker Their worker is gone. The next worker of their host adopts them. Website 1.0.0" in page


def test_what_belongs_to_other_projects_is_counted(client, db):
    a_worker(holding.this_worker().name)
    mine = a_site("Mine")
    a_site("Secret", "SECRET")
    a_site("Hidden", "SECRET")
    holding.claim(Deployment.objects.get(project__slug="secret").pk, "default")
    client.force_login(a_user("vic", role="viewer", project=mine.project))

    response = opened(client, "workers")

    page = said(response)
    assert "Deploys to TEST and 2 more that none of your projects goes to." in page
    assert "1 of 8 busy 1 of other projects" in page
    assert "Queue 2 waiting" in page
    assert "And 1 of other projects." in page
    assert not {"secret", "hidden"} & set(response.content.decode().lower().split())


def test_an_empty_portal_says_what_would_show_here(client, administrator):
    assert "There are no workers and no environments yet" in said(opened(client, "workers"))


def test_a_business_viewer_is_told_what_it_takes(client, db):
    client.force_login(a_user("bea", role="business_viewer"))

    response = opened(client, "workers")

    assert response.status_code == 403
    assert "Your roles do not open packages, logs and workers." in response.content.decode()
    assert reverse("portal:workers") not in client.get("/").content.decode()


def test_the_navigation_leads_here(client, viewer):
    assert f'<a href="{reverse("portal:workers")}" aria-current="page">' in opened(client, "workers").content.decode()


def test_the_page_of_a_deployment_leads_to_its_pool_and_says_where_it_is_in_the_queue(client, viewer):
    a_worker(slots=1)
    a_site("Website")

    page = opened(client, "deployment", a_site("Intranet").pk)

    assert f'href="{reverse("portal:workers")}#pool-default"' in page.content.decode()
    assert "Second in the queue of the pool “default”; 1 of 1 slot is free. It starts as soon as" in said(page)


# -- how it follows ---------------------------------------------------------------------------------------------------


def test_it_is_not_sent_again_while_nothing_has_changed(client, viewer):
    worker = a_worker()
    rev = revision_in(opened(client, "workers"))
    Worker.objects.filter(pk=worker.pk).update(heard_at=timezone.now(), swept_at=timezone.now())

    assert live(client, rev).status_code == 204


@pytest.mark.parametrize("change", ["drain", "queue", "silence", "worker", "capacity"])
def test_it_is_sent_again_when_something_has_changed(client, viewer, change):
    worker, test = a_worker(), a_site("Intranet").environment
    rev = revision_in(opened(client, "workers"))
    changes = {
        "drain": lambda: presence.drain([worker], by=None),
        "queue": lambda: a_site("Website"),
        "silence": lambda: Worker.objects.update(heard_at=timezone.now() - timedelta(hours=1)),
        "worker": lambda: a_worker("two.example:1:a"),
        "capacity": lambda: Environment.objects.filter(pk=test.pk).update(capacity=1),
    }
    changes[change]()

    response = live(client, rev)

    assert response.status_code == 200
    assert revision_in(response) != rev


def test_it_asks_no_more_for_more_rows(client, viewer, django_assert_max_num_queries):
    a_worker(holding.this_worker().name)
    a_site("Website")
    with CaptureQueriesContext(connection) as few:
        opened(client, "workers")
    a_worker("two.example:1:a")
    for number in range(4):
        a_site(f"Site {number}")
    claimed()

    with django_assert_max_num_queries(len(few)):
        opened(client, "workers")


# -- draining ---------------------------------------------------------------------------------------------------------


def test_only_an_administrator_finds_the_button(client, viewer):
    a_worker()

    assert buttons_of(opened(client, "workers")) == ["Refresh"]


def test_it_says_what_draining_would_do(client, administrator):
    worker = a_worker(holding.this_worker().name, host="build1.example")
    a_site("Website")
    claimed()

    page = opened(client, "drain", worker.pk)

    assert title_of(page) == "Drain the worker on build1.example?"
    assert "1 script, which goes on to its end" in said(page)
    assert "No other worker serves the pool “default”: what waits there waits until one does." in said(page)
    assert Worker.objects.get().drain_requested_at is None


def test_nobody_is_left_behind_where_another_worker_serves_the_pool(client, administrator):
    worker = a_worker()
    a_worker("two.example:1:a")

    assert "No other worker" not in said(opened(client, "drain", worker.pk))


def test_an_administrator_drains_a_worker_and_lets_it_take_what_is_new_again(client, administrator):
    worker = a_worker()

    drained = client.post(reverse("portal:drain", args=[worker.pk]), follow=True)
    assert f"{worker} drains: it finishes what it runs and takes nothing new." in said(drained)
    assert "Drain no longer" in said(drained)
    resumed = client.post(reverse("portal:resume", args=[worker.pk]), follow=True)

    assert f"{worker} takes what is new again." in said(resumed)
    lines = Event.objects.filter(verb__startswith="worker.").order_by("pk")
    assert [(line.verb, line.actor) for line in lines] == [
        ("worker.draining", administrator),
        ("worker.resumed", administrator),
    ]


def test_a_release_manager_may_not_drain(client, db):
    worker = a_worker()
    client.force_login(a_manager())

    response = client.post(reverse("portal:drain", args=[worker.pk]))

    assert response.status_code == 403
    assert "only an administrator may tell them to drain" in response.content.decode()
    assert Worker.objects.get().drain_requested_at is None


def test_a_worker_that_has_left_meanwhile_is_not_there_any_more(client, administrator):
    worker = a_worker()
    presence.leave(worker.name)

    assert client.post(reverse("portal:drain", args=[worker.pk])).status_code == 404
