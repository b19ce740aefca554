"""What Prometheus reads is what the rows say, whichever process answers, and at the price of a handful of queries."""

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts import trail
from deployments.models import Deployment, Status, Worker
from registry.models import Artifact
from tests.deployments.rows import a_bare_release, a_row
from tests.factories import (
    a_channel,
    a_delivery,
    a_lone_project,
    a_notice,
    a_stack,
    a_user,
    a_version,
    an_environment,
)

pytestmark = pytest.mark.django_db

TOKEN = "a-token-for-prometheus"


def scraped(client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels."""
    text = client.get("/metrics").content.decode()
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def a_script(status: str, name: str = "Site", pool: str = "default", **fields: object) -> Deployment:
    """A deployment of a project on its own."""
    place = an_environment(f"TEST-{pool}", worker_pool=pool)
    return a_row(status, a_bare_release(a_lone_project(name)), place, **fields)


def a_worker(name: str = "w", silent: float = 0, **fields: object) -> Worker:
    at = timezone.now() - timedelta(seconds=silent)
    return Worker.objects.create(
        **({"name": name, "host": "here", "pools": ["default"], "slots": 8, "started_at": at, "heard_at": at} | fields)
    )


def test_the_queue_is_counted_by_pool_with_the_age_of_its_oldest(client):
    long_ago = timezone.now() - timedelta(days=3)
    rung = timezone.now() - timedelta(seconds=60)
    a_script(Status.QUEUED, "One", rung_at=rung, rung_count=1)
    a_script(Status.QUEUED, "Two", pool="vault", rung_at=rung, rung_count=3)
    a_script(Status.RUNNING, "Three", pool="vault")
    Deployment.objects.update(requested_at=long_ago)

    found = scraped(client)

    assert found["signalbox_queue_length", (("pool", "default"),)] == 1
    assert found["signalbox_queue_length", (("pool", "vault"),)] == 1
    assert found["signalbox_running", (("pool", "vault"),)] == 1
    assert 60 <= found["signalbox_queue_oldest_seconds", (("pool", "default"),)] < 89
    assert 60 + 10 + 20 <= found["signalbox_queue_oldest_seconds", (("pool", "vault"),)] < 600


def test_what_waits_for_people_is_counted_by_what_they_decide(client):
    shop = a_stack("Shop", components={"UI": 1})
    train = a_row(Status.NEEDS_ATTENTION, a_bare_release(shop))
    a_row(Status.INTERRUPTED, a_bare_release(shop.components.get()), parent=train, stage=1)
    a_script(Status.NEEDS_ATTENTION, "Guided")
    a_script(Status.REQUESTED, "Asked")

    found = scraped(client)

    kinds = ("approval", "interrupted", "needs_attention")
    assert [found["signalbox_waiting_for_people", (("for", kind),)] for kind in kinds] == [1, 1, 1]


def test_workers_are_counted_by_pool_as_long_as_they_are_heard(client):
    a_worker("here", pools=["default", "vault"], swept_at=timezone.now() - timedelta(seconds=7))
    a_worker("leaving", slots=2, drain_requested_at=timezone.now())
    a_worker("gone", silent=3600)

    found = scraped(client)

    assert found["signalbox_workers", (("pool", "default"),)] == 2
    assert found["signalbox_worker_slots", (("pool", "default"),)] == 10
    assert found["signalbox_workers_draining", (("pool", "default"),)] == 1
    assert found["signalbox_workers", (("pool", "vault"),)] == 1
    assert found["signalbox_sweep_age_seconds", ()] == pytest.approx(17, abs=10)


def test_without_any_worker_there_is_no_age_of_a_sweep(client):
    names = {name for name, _ in scraped(client)}

    assert "signalbox_sweep_age_seconds" not in names


def test_what_is_over_is_counted_with_how_long_it_took(client):
    start = timezone.now() - timedelta(hours=1)
    for name, seconds in (("A", 3), ("B", 30), ("C", 40)):
        a_script(Status.SUCCEEDED, name, started_at=start, finished_at=start + timedelta(seconds=seconds))
    a_script(Status.CANCELLED, "D")

    found = scraped(client)

    succeeded = (("environment", "TEST-default"), ("kind", "alone"), ("outcome", "succeeded"))
    cancelled = (("environment", "TEST-default"), ("kind", "alone"), ("outcome", "cancelled"))
    duration = "signalbox_deployment_duration_seconds"
    assert found["signalbox_deployments_finished_total", succeeded] == 3
    assert found["signalbox_deployments_finished_total", cancelled] == 1
    bounds = ("1.0", "5.0", "60.0", "+Inf")
    assert [found[f"{duration}_bucket", tuple(sorted([*succeeded, ("le", le)]))] for le in bounds] == [0, 1, 3, 3]
    assert found[f"{duration}_sum", succeeded] == pytest.approx(73, abs=0.1)
    assert found[f"{duration}_count", cancelled] == 0


def test_what_the_engine_had_to_mend_is_counted_from_the_trail(client):
    row = a_script(Status.RUNNING)
    trail.record(None, "deployment.adopted", row, "It was adopted.")
    trail.record(None, "deployment.adopted", row, "It was adopted again.")
    trail.record(None, "deployment.claimed", row, "It was claimed.")

    found = scraped(client)

    whats = ("adopted", "interrupted", "requeued")
    assert [found["signalbox_mended_total", (("what", what),)] for what in whats] == [2, 0, 0]


def test_stored_packages_with_a_problem_are_counted(client):
    _, gone, gone_too, changed = [a_version(name).artifact_id for name in ("sound", "gone", "gone-too", "changed")]
    Artifact.objects.filter(pk__in=[gone, gone_too]).update(problem="missing", checked_at=timezone.now())
    Artifact.objects.filter(pk=changed).update(problem="damaged", checked_at=timezone.now())

    found = scraped(client)

    metric = "signalbox_artifacts_with_problem"
    assert [found[metric, (("problem", problem),)] for problem in ("missing", "damaged")] == [2, 1]


def test_messages_that_are_due_are_counted_by_the_way_they_go(client):
    row, now = a_row(), timezone.now()
    broken = a_channel(problem="Gone.", failing_since=now, parked_at=now)
    later, sent = {"digest_due_at": now + timedelta(hours=1)}, {"state": "sent", "sent_at": now}
    vera = a_user("vera")
    for to, fields in ((vera, {}), (vera, later), (vera, sent), (broken, {}), (broken, {})):
        a_delivery(a_notice(row, at=now - timedelta(seconds=90)), to, **fields)

    found = scraped(client)

    assert [found["signalbox_messages_waiting", (("by", way),)] for way in ("mail", "channel")] == [1, 2]
    assert found["signalbox_messages_oldest_seconds", (("by", "mail"),)] == pytest.approx(90, abs=20)
    assert found["signalbox_channels_parked", ()] == 1


def test_a_scrape_takes_nine_queries_however_much_there_is(client, django_assert_num_queries):
    for number in range(12):
        a_script(Status.QUEUED, f"Queued {number}", pool=f"pool-{number % 3}")
        a_script(Status.FAILED, f"Failed {number}", pool=f"pool-{number % 3}", started_at=timezone.now())
        a_worker(f"w{number}")

    with django_assert_num_queries(9):
        client.get("/metrics")


def test_openmetrics_is_spoken_to_those_who_ask_for_it(client):
    response = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert response["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert response.content.endswith(b"# EOF\n")


# -- who may read them ------------------------------------------------------------------------------------------------


def test_without_a_token_only_this_machine_may_read_them(client):
    here = client.get("/metrics")
    here_too = client.get("/metrics", REMOTE_ADDR="::1")
    elsewhere = client.get("/metrics", REMOTE_ADDR="10.0.0.7")

    assert (here.status_code, here_too.status_code, elsewhere.status_code) == (200, 200, 403)
    assert elsewhere.content == b"Metrics are for this machine only as long as METRICS_TOKEN is not set.\n"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded"])
def test_what_a_reverse_proxy_of_this_machine_passes_on_is_not_from_here(client, header):
    response = client.get("/metrics", headers={header: "127.0.0.1"})

    assert response.status_code == 403


def test_behind_a_proxy_nobody_reads_them_without_a_token(client, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    assert client.get("/metrics").status_code == 403


def test_with_a_token_it_takes_the_token_from_everywhere(client, settings):
    settings.METRICS_TOKEN = TOKEN

    right = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, REMOTE_ADDR="10.0.0.7")
    wrong = client.get("/metrics", headers={"Authorization": "Bearer something-else-entirely"})
    none = client.get("/metrics")

    assert (right.status_code, wrong.status_code, none.status_code) == (200, 401, 401)
    assert none["WWW-Authenticate"] == "Bearer"
