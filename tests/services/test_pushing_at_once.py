"""Many pushes at once on PostgreSQL: one publishes, the others answer as if they had come later; nothing twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import Event
from projects.models import Project
from registry import actions as registry
from registry import storage
from registry.models import Artifact, Package, PackageVersion
from releases.models import Release, TriggerEvaluation
from tests.api.callers import a_token, an_account, files_in, pushed, with_token
from tests.deployments.patience import wait_until
from tests.deployments.scripts import beside
from tests.factories import a_service_account, a_stack, a_trigger, a_version
from tests.registry.packages import SCRIPT, a_zip

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> Path:
    settings.PACKAGES_DIR = tmp_path / "packages"
    return settings.PACKAGES_DIR


@pytest.fixture
def shop() -> Project:
    """A stack whose trigger sees every push; both of its components can be deployed."""
    stack = a_stack("Shop", {"UI": 1, "API": 1})
    a_version("ui", "0.1.0")
    a_version("api", "0.1.0")
    a_trigger(stack)
    return stack


def a_package_with(text: object) -> bytes:
    return a_zip({"release.sh": SCRIPT, "build": str(text).encode()})


def pushing(data: bytes, query: str, secret: str) -> Callable[[], Any]:
    return partial(pushed, with_token(secret), data, query)


def published(data: bytes) -> None:
    """Version 1 of the UI with these bytes, in the transaction of the test."""
    received = storage.receive([data], max_bytes=10**6)
    registry.publish(received, name="ui", version="1", filename="", by=a_service_account())


def all_at_once(*pushes: Callable[[], Any]) -> list[Any]:
    """The answers to pushes that set off together, each in a thread with a connection of its own."""
    barrier = threading.Barrier(len(pushes))

    def one(push: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(30)
            return push()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(pushes)) as pool:
        return list(pool.map(one, pushes))


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.fixture
def secret() -> str:
    return a_token(an_account("ci", "deployer"))


def test_of_eight_that_push_the_same_bytes_one_publishes_and_all_get_its_answer(shop, secret):
    answers = all_at_once(*[pushing(a_package_with("same"), "name=ui&version=1", secret)] * 8)

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert {answer.json()["evaluations"][0]["sentence"] for answer in answers} == {"ui 1.0.0 led to Shop 1.0.1."}
    assert TriggerEvaluation.objects.count() == Event.objects.filter(verb="version.published").count() == 1


def test_of_eight_that_push_other_bytes_each_one_publishes(shop, secret, store):
    pushes = [pushing(a_package_with(number), "name=ui&version=1", secret) for number in range(8)]

    answers = all_at_once(*pushes)

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    published = PackageVersion.objects.get(version="1.0.0")
    assert storage.verify(published.artifact.sha256)
    assert Artifact.objects.filter(versions=None).count() == 0
    assert files_in(store / "incoming") == []


def test_of_eight_that_push_the_first_versions_of_a_package_all_publish_under_one_name(secret):
    pushes = [pushing(a_package_with(number), f"name=New&version={number}", secret) for number in range(8)]

    answers = all_at_once(*pushes)

    assert {answer.status_code for answer in answers} == {201}
    assert Package.objects.get().versions.count() == 8


def test_the_same_bytes_under_eight_versions_at_once_are_one_artifact(secret):
    pushes = [pushing(a_package_with("same"), f"name=new&version={number}", secret) for number in range(8)]

    answers = all_at_once(*pushes)

    assert {answer.status_code for answer in answers} == {201}
    assert Artifact.objects.get().versions.count() == 8


def test_pushes_of_several_components_at_once_give_each_its_own_number_and_the_last_holds_all(shop, secret):
    pushes = [
        pushing(a_package_with((name, minor)), f"name={name}&version=1.{minor}", secret)
        for name in ("ui", "api")
        for minor in range(4)
    ]

    answers = all_at_once(*pushes)

    created = [found for answer in answers for found in answer.json()["evaluations"] if found["outcome"] == "created"]
    releases = Release.objects.filter(project=shop).newest_first()
    assert len({found["release"] for found in created}) == len(created) == releases.count()
    assert set(releases[0].components.values_list("release__number", flat=True)) == {"1.3.0"}


def test_who_loses_to_somebody_who_is_just_publishing_waits_and_changes_nothing(shop, secret):
    late: list[Any] = []
    theirs_is_written = threading.Event()
    push = pushing(a_package_with("same"), "name=ui&version=1", secret)

    with beside(lambda: (theirs_is_written.wait(10), late.append(push()))), transaction.atomic():
        published(a_package_with("same"))
        theirs_is_written.set()
        wait_until(somebody_waits)

    assert (late[0].status_code, late[0].json()["created"]) == (200, False)
    assert Event.objects.filter(verb="version.published").count() == 1


def test_who_waits_for_somebody_who_then_gives_up_publishes(shop, secret):
    late: list[Any] = []
    theirs_is_written = threading.Event()
    push = pushing(a_package_with("mine"), "name=ui&version=1", secret)

    with beside(lambda: (theirs_is_written.wait(10), late.append(push()))), transaction.atomic():
        published(a_package_with("theirs"))
        theirs_is_written.set()
        wait_until(somebody_waits)
        transaction.set_rollback(True)

    assert (late[0].status_code, late[0].json()["evaluations"][0]["outcome"]) == (201, "created")
