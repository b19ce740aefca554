"""The worker pools: who serves them, what each worker runs, and the queues in the order in which they are taken."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from deployments import holding, pools, presence
from deployments.models import Deployment, Hold
from deployments.wording import ordinal
from lifecycles.models import Environment
from projects.models import Project
from tests.deployments.rows import a_worker, claimed, ended, interrupted
from tests.deployments.scenes import a_manager, requested
from tests.factories import a_lifecycle, a_lone_project, a_release, a_stack, an_environment

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(settings: Any) -> Environment:
    """TEST, of the pool “default”. This process is a worker of two pools."""
    settings.WORKER_POOLS = ["default", "far"]
    return an_environment("TEST")


def a_site(name: str, environment: str = "TEST") -> Deployment:
    """The deployment of a project of its own, which waits for a worker."""
    return requested(a_release(a_lone_project(name, lifecycle=a_lifecycle(environment))), environment)


def sites(count: int, environment: str = "TEST") -> list[Deployment]:
    return [a_site(f"{environment} {number}", environment) for number in range(1, count + 1)]


def everything(name: str = "default") -> pools.Pool:
    """The pool as somebody sees it who may look into every project."""
    return next(pool for pool in pools.pools_for(Project.objects.all()) if pool.name == name)


def queue_of(name: str = "default") -> list[Deployment]:
    return [waiting.deployment for waiting in everything(name).queue]


def codes(name: str = "default") -> list[str]:
    return [waiting.code for waiting in everything(name).queue]


def taken_in_turn(pool: str) -> list[Deployment]:
    """What a worker really takes, one after the other."""
    return list(iter(lambda: holding.claim_next(pool), None))


# -- the queue --------------------------------------------------------------------------------------------------------


def test_the_queue_is_shown_in_the_order_in_which_it_is_taken(place):
    rows = sites(4)
    Deployment.objects.filter(pk=rows[2].pk).update(requested_at=timezone.now() - timedelta(hours=1))
    shown = queue_of()

    taken = taken_in_turn("default")

    assert shown == [rows[2], rows[0], rows[1], rows[3]]
    assert taken == shown


def test_what_was_requested_at_the_same_moment_is_taken_in_the_order_of_creation(place):
    rows = sites(3)
    Deployment.objects.update(requested_at=timezone.now())

    assert queue_of() == rows
    assert [pools.place_of(row) for row in Deployment.objects.order_by("pk")] == [1, 2, 3]
    assert taken_in_turn("default") == rows


def test_places_count_from_one_in_each_pool(place):
    an_environment("FAR", worker_pool="far")
    first, second = sites(2)
    far = a_site("Away", "FAR")
    third = a_site("Late")

    assert [(waiting.deployment, waiting.position) for waiting in everything().queue] == [
        (first, 1),
        (second, 2),
        (third, 3),
    ]
    assert [(waiting.deployment, waiting.position) for waiting in everything("far").queue] == [(far, 1)]
    assert [pools.place_of(row) for row in (first, second, far, third)] == [1, 2, 1, 3]


def test_a_pools_queue_is_taken_without_the_others(place):
    an_environment("FAR", worker_pool="far")
    near, far = a_site("Here"), a_site("Away", "FAR")

    assert taken_in_turn("far") == [far]
    assert queue_of() == [near]


def test_only_the_head_of_a_long_queue_is_listed_and_all_of_it_is_counted(place, monkeypatch):
    monkeypatch.setattr(pools, "SHOWN", 2)
    rows = sites(5)

    pool = everything()

    assert [waiting.deployment for waiting in pool.queue] == rows[:2]
    assert (pool.waiting, pool.further) == (5, 3)
    assert pools.place_of(rows[4]) == 5


def test_what_waits_for_no_worker_has_no_place(place):
    train = requested(a_release(a_stack("Shop", components={"API": 1, "UI": 2})))
    api, ui = train.children.order_by("stage")

    assert [pools.place_of(row) for row in (train, api, ui)] == [None, 1, None]
    assert [pools.position_of(row) for row in (train, ui)] == ["", ""]


# -- what it waits for ------------------------------------------------------------------------------------------------


def test_what_has_a_free_slot_is_due_and_the_rest_waits_for_one(place):
    a_worker(slots=2)
    sites(3)

    assert codes() == ["due", "due", "busy"]


def test_a_slot_that_is_busy_is_not_free(place):
    a_worker(slots=2, name=holding.this_worker().name)
    rows = sites(3)
    claimed()

    assert codes() == ["due", "busy"]
    assert everything().sentence == "1 of 2 slots are free"
    assert pools.position_of(rows[2]) == (
        "Second in the queue of the pool “default”; 1 of 2 slots are free. It starts as soon as a worker is free."
    )


def test_the_first_of_a_free_pool_starts_within_seconds(place):
    a_worker(slots=1)

    assert pools.position_of(a_site("Site")) == (
        "First in the queue of the pool “default”; 1 of 1 slot is free. It starts within seconds."
    )


def test_an_environment_that_is_full_lets_others_of_the_pool_pass(place):
    Environment.objects.filter(pk=place.pk).update(capacity=1)
    an_environment("QA")
    a_worker()
    full, passing = sites(2), a_site("Passing", "QA")
    claimed()

    assert [(waiting.deployment, waiting.code) for waiting in everything().queue] == [
        (full[1], "environment_full"),
        (passing, "due"),
    ]
    assert pools.position_of(full[1]).endswith(
        "At most one script runs in TEST at once; it starts when one of them has ended."
    )


def test_what_waits_for_room_is_due_when_there_is_room_again(place):
    Environment.objects.filter(pk=place.pk).update(capacity=1)
    a_worker()
    sites(2)
    running = claimed()
    assert codes() == ["environment_full"]

    ended(running)

    assert codes() == ["due"]


@pytest.mark.parametrize("where", ["portal", "project", "environment", "both"])
def test_a_hold_is_named_with_its_reason(place, where):
    a_worker()
    row = a_site("Site")
    scopes = {"project": {"project": row.project}, "environment": {"environment": place}}
    scopes |= {"portal": {}, "both": scopes["project"] | scopes["environment"]}
    Hold.objects.create(by=a_manager(), reason="Stocktaking", **scopes[where])

    assert codes() == ["on_hold"]
    assert everything().queue[0].sentence.endswith("mia: Stocktaking.")


def test_a_hold_of_something_else_stops_nothing(place):
    a_worker()
    a_site("Site")
    Hold.objects.create(by=a_manager(), reason="Stocktaking", environment=an_environment("PROD"))

    assert codes() == ["due"]


def test_a_component_of_a_train_goes_on_in_spite_of_a_hold(place):
    a_worker()
    requested(a_release(a_stack("Shop", components={"API": 1})))
    Hold.objects.create(by=a_manager(), reason="Stocktaking")

    assert codes() == ["due"]


def test_a_pool_without_a_worker_says_so(place):
    row = a_site("Site")

    assert codes() == ["no_worker"]
    assert pools.position_of(row) == (
        "No worker serves the pool “default” at present. It is first in the queue and starts as soon as one does; an"
        " administrator can see to it."
    )


@pytest.mark.parametrize(
    ("number", "word"), [(10, "tenth"), (11, "11th"), (21, "21st"), (103, "103rd"), (112, "112th")]
)
def test_places_are_said_in_words(number, word):
    assert ordinal(number) == word


# -- the workers ------------------------------------------------------------------------------------------------------


def test_each_worker_is_shown_with_what_it_runs(place):
    idle, busy = a_worker("idle.example:1:a"), a_worker(holding.this_worker().name)
    sites(2)
    running = claimed()

    shown = {crew.worker: (crew.state, crew.runs) for crew in everything().crews}

    assert shown == {idle: ("idle", []), busy: ("busy", [running])}


def test_a_worker_that_serves_two_pools_is_in_both(place):
    an_environment("FAR", worker_pool="far")
    worker = a_worker("one.example:1:a", "default", "far", slots=3)

    assert [crew.worker for crew in everything().crews + everything("far").crews] == [worker, worker]
    assert [everything(name).slots for name in ("default", "far")] == [3, 3]


def test_what_a_worker_runs_for_one_pool_takes_its_slots_from_the_other(place):
    an_environment("FAR", worker_pool="far")
    a_worker(holding.this_worker().name, "default", "far", slots=1)
    a_site("Site")
    claimed()

    assert everything("far").free == 0


def test_a_silent_worker_serves_nobody(place):
    worker = a_worker(heard=3600, slots=4)

    pool = everything()

    assert [(crew.worker, crew.state) for crew in pool.crews] == [(worker, "silent")]
    assert (pool.slots, pool.trouble) == (0, "No worker serves the pool “default” at present.")


def test_a_draining_worker_keeps_its_scripts_and_offers_nothing(place):
    worker = a_worker(holding.this_worker().name)
    a_site("Site")
    running = claimed()
    presence.drain([worker], by=None)

    pool = everything()

    assert [(crew.state, crew.runs, crew.free) for crew in pool.crews] == [("draining", [running], 0)]
    assert pool.trouble.endswith("those that did are draining, and take nothing new.")


def test_scripts_whose_worker_is_gone_are_shown_apart(place):
    a_worker("another.example:1:a")
    a_site("Site")

    running = claimed()

    assert everything().unfollowed == [running]


def test_what_nobody_knows_the_outcome_of_is_nobodys_work(place):
    a_worker(holding.this_worker().name)
    a_site("Site")
    interrupted(claimed())

    assert [crew.state for crew in everything().crews] == ["idle"]


def test_adopted_scripts_may_be_more_than_the_slots(place):
    worker = a_worker(holding.this_worker().name, slots=1)
    sites(2)
    claimed()
    claimed()

    (crew,) = everything().crews

    assert (crew.worker, crew.busy, crew.free) == (worker, 2, 0)


# -- the pools --------------------------------------------------------------------------------------------------------


def test_a_pool_that_no_environment_names_is_shown_as_such(place):
    a_worker("one.example:1:a", "spare")

    assert everything("spare").trouble == "No environment names this pool, so its workers have nothing to do."


def test_a_pool_that_nobody_serves_is_shown_as_such(place):
    an_environment("FAR", worker_pool="far")
    a_worker()

    assert everything().trouble == ""
    assert everything("far").trouble == "No worker serves the pool “far” at present."


def test_what_belongs_to_others_is_counted_and_not_named(place):
    secret = an_environment("SECRET")
    a_worker(holding.this_worker().name)
    mine, other = a_site("Mine"), a_site("Other", "SECRET")
    a_site("Another", "SECRET")
    for row in (mine, other):
        assert holding.claim(row.pk, "default")

    (pool,) = pools.pools_for(Project.objects.filter(pk=mine.project_id))

    assert (pool.environments, pool.hidden_environments) == ([place], 2)  # PROD is nobody's
    assert [([run.pk for run in crew.runs], crew.hidden, crew.busy) for crew in pool.crews] == [([mine.pk], 1, 2)]
    assert (pool.queue, pool.hidden_waiting, pool.waiting, pool.further) == ([], 1, 1, 0)
    assert secret not in pool.environments


def test_it_takes_the_same_number_of_queries_whatever_there_is(place, django_assert_num_queries):
    an_environment("FAR", worker_pool="far")
    a_worker(holding.this_worker().name)
    a_worker("two.example:1:a", "default", "far")
    sites(3)
    sites(3, "FAR")
    claimed()

    with django_assert_num_queries(7):
        shown = pools.pools_for(Project.objects.all())
        said = [str(run) for pool in shown for crew in pool.crews for run in crew.runs]
        said += [str(waiting.deployment) + waiting.sentence for pool in shown for waiting in pool.queue]

    assert len(said) == 6


def test_one_deployments_place_takes_few_queries(place, django_assert_num_queries):
    a_worker()
    row = Deployment.objects.with_names().get(pk=sites(3)[2].pk)

    with django_assert_num_queries(6):
        pools.position_of(row)
