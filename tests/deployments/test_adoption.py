"""A script outlives its worker: whatever happens to workers, hosts and messages, it runs once and its outcome is known."""

import os
import signal
import time
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Event
from deployments import actions, concluding, doorbell, holding, presence, resolving, runner, spool, sweep
from deployments.models import Deployment, LogChunk, Status, Worker
from deployments.sweep import Sweep
from tests.deployments.dying import killed_while_running, wait_for
from tests.deployments.patience import wait_until
from tests.deployments.scenes import a_manager, a_shop, released, requested
from tests.deployments.scripts import asked_for, beside, carried_out, output_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),  # that is what these are about
]

TWO_STEPS = ({"name": "First"}, {"name": "Second", "settings": {"entry_point": "second.sh"}})


def run_of(deployment: Deployment, attempt: int = 1, position: int = 1) -> str:
    return spool.name_of(deployment.pk, attempt, position)


def let_the_lease_run_out(deployment: Deployment) -> None:
    Deployment.objects.filter(pk=deployment.pk).update(lease_expires_at=Now() - timedelta(seconds=1))


def kill_the_script(deployment: Deployment) -> None:
    """As a power failure does: the shell around the script goes first, so that it notes nothing."""
    name = run_of(deployment)
    pid = spool.pid_of(name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    spool.kill(name, pid, 0)


def verbs(deployment: Deployment) -> list[str]:
    events = Event.objects.filter(subject_id=str(deployment.pk), subject_type="deployments.deployment")
    return [verb.removeprefix("deployment.") for verb in events.order_by("pk").values_list("verb", flat=True)]


# -- the worker dies --------------------------------------------------------------------------------------------------


def test_a_script_that_never_started_is_queued_again_and_runs_as_a_second_attempt(host, yard):
    deployment = asked_for(yard.counting())
    holding.claim(deployment.pk, "default")
    host.replace()

    sweep.adopt_orphans()

    wait_for(deployment, Status.QUEUED)
    carried_out(deployment)
    assert (deployment.status, deployment.attempt, len(yard.lines())) == (Status.SUCCEEDED, 2, 1)


def test_a_run_that_was_prepared_but_not_started_is_sealed_and_queued_again(host, yard):
    deployment = asked_for(yard.counting())
    claimed = holding.claim(deployment.pk, "default")
    claimed.step_runs.create(attempt=1, position=1, name="Run the release package")
    spool.prepare(run_of(deployment))
    host.replace()

    sweep.adopt_orphans()

    wait_for(deployment, Status.QUEUED)
    assert spool.seal(run_of(deployment)) is False
    assert deployment.step_runs.get().outcome == concluding.NEVER_STARTED


def test_what_finished_while_nobody_looked_is_recorded_with_its_whole_log(host, yard):
    deployment = asked_for(yard.waiting("seq 1000; echo done"))
    killed_while_running(deployment, yard.lines)
    host.kill()
    yard.open()
    wait_until(lambda: spool.exit_status(run_of(deployment)) == 0)
    host.start_another()

    sweep.adopt_orphans()

    wait_for(deployment, Status.SUCCEEDED)
    numbers = [str(number) for number in range(1, 1001)]
    assert output_of(deployment).splitlines()[1:] == ["before the gate", "behind the gate", *numbers, "done"]
    assert (deployment.attempt, len(yard.lines())) == (1, 1)


def test_a_script_that_still_runs_is_followed_on_without_doubled_lines(host, yard):
    deployment = asked_for(yard.waiting("exit 3"))
    killed_while_running(deployment, lambda: "before the gate" in output_of(deployment))
    host.replace()
    sweep.adopt_orphans()

    yard.open()

    wait_for(deployment, Status.FAILED)
    assert deployment.outcome.endswith("failed with exit status 3.")
    assert output_of(deployment).splitlines()[1:] == ["before the gate", "behind the gate"]
    assert len(yard.lines()) == 1


def test_the_worker_that_adopted_a_first_step_goes_on_with_the_second(host, yard):
    deployment = asked_for(yard.waiting(), *TWO_STEPS, **{"second.sh": yard.counting(name="second")})
    killed_while_running(deployment, yard.lines)
    host.replace()
    sweep.adopt_orphans()

    yard.open()

    wait_for(deployment, Status.SUCCEEDED)
    assert (len(yard.lines()), len(yard.lines("second"))) == (1, 1)


def test_a_worker_that_dies_between_two_steps_does_not_make_the_first_run_again(host, yard):
    deployment = asked_for(yard.counting(), *TWO_STEPS, **{"second.sh": yard.counting(name="second")})
    killed_while_running(deployment, lambda: deployment.step_runs.filter(exit_status=0).exists())
    host.replace()

    sweep.adopt_orphans()

    wait_for(deployment, Status.QUEUED, Status.SUCCEEDED)
    carried_out(deployment)
    wait_for(deployment, Status.SUCCEEDED)
    assert (len(yard.lines()), len(yard.lines("second"))) == (1, 1)


def test_what_is_gone_without_a_result_asks_a_person_and_runs_again_on_demand(host, yard):
    train = requested(released(a_shop(api=yard.counting("[ -e go ] || sleep 60"))))
    child = train.children.get(stage=1)
    killed_while_running(child, yard.lines)
    host.replace()
    kill_the_script(child)

    sweep.adopt_orphans()

    wait_for(child, Status.INTERRUPTED)
    wait_for(train, Status.NEEDS_ATTENTION)
    assert child.outcome.startswith("Outcome unknown: “Run the release package” was running since ")
    assert child.owner == ""


def test_a_person_who_has_looked_lets_an_interrupted_script_run_again(host, yard):
    deployment = asked_for(yard.counting(f'[ "$(wc -l <"{yard.path}/starts")" -eq 2 ] || sleep 60'))
    killed_while_running(deployment, yard.lines)
    host.replace()
    kill_the_script(deployment)
    sweep.adopt_orphans()
    wait_for(deployment, Status.INTERRUPTED)

    resolving.resolve(deployment, "retry", by=a_manager(), reason="Nothing had been changed.")

    carried_out(deployment)
    assert (deployment.status, deployment.attempt, len(yard.lines())) == (Status.SUCCEEDED, 2, 2)


def test_a_missing_mark_proves_nothing_once_the_machine_was_restarted(host, yard):
    deployment = asked_for(yard.counting("sleep 60"))
    killed_while_running(deployment, yard.lines)
    kill_the_script(deployment)
    (spool.directory(run_of(deployment)) / "started").unlink()  # it had not reached the disk
    Deployment.objects.filter(pk=deployment.pk).update(boot_id="an earlier start")
    host.replace()

    sweep.adopt_orphans()

    wait_for(deployment, Status.INTERRUPTED)
    assert len(yard.lines()) == 1


def test_a_lost_spool_directory_is_no_proof_that_nothing_ran(host, yard, settings, tmp_path):
    deployment = asked_for(yard.counting("sleep 60"))
    killed_while_running(deployment, yard.lines)
    kill_the_script(deployment)
    settings.SPOOL_DIR = tmp_path / "empty"
    host.replace()

    sweep.adopt_orphans()

    wait_for(deployment, Status.INTERRUPTED)


def test_a_time_limit_counts_from_the_start_also_after_an_adoption(host, yard):
    deployment = asked_for(yard.waiting(), {"time_limit_seconds": 1})
    killed_while_running(deployment, yard.lines)
    host.replace()

    sweep.adopt_orphans()

    wait_for(deployment, Status.FAILED)
    assert deployment.outcome.endswith("was stopped because it took longer than 1 second.")


def test_stopping_reaches_an_adopted_script(host, yard, settings):
    settings.LEASE_SECONDS = 1
    deployment = asked_for(yard.waiting())
    killed_while_running(deployment, yard.lines)
    host.replace()
    sweep.adopt_orphans()

    actions.cancel(deployment, by=a_manager(), stop_running=True)

    wait_for(deployment, Status.CANCELLED)
    assert spool.processes(run_of(deployment), None) == []


# -- the worker goes away on purpose ----------------------------------------------------------------------------------


def test_a_worker_that_is_asked_to_go_hands_its_scripts_over_at_once(host, yard):
    deployment = asked_for(yard.waiting())
    leaving = holding.this_worker()
    with beside(lambda: carried_out(deployment)):
        wait_until(yard.lines)
        leaving.going.set()
        wait_until(lambda: Deployment.objects.get(pk=deployment.pk).owner == holding.HANDED_OVER, 2)
    host.start_another()
    sweep.adopt_orphans()
    yard.open()

    wait_for(deployment, Status.SUCCEEDED)
    assert len(yard.lines()) == 1


def test_a_script_that_was_handed_over_is_still_asked_about_when_its_host_stays_away(host, yard, settings):
    settings.SILENCE_SECONDS = 0
    deployment = asked_for(yard.waiting())
    claimed = killed_while_running(deployment, yard.lines)
    holding.hand_over(claimed)
    let_the_lease_run_out(deployment)
    Sweep().interrupt_silent()
    wait_for(deployment, Status.INTERRUPTED)

    with pytest.raises(actions.DeploymentRefused, match="may still be running there"):
        resolving.resolve(deployment, "retry", by=a_manager(), reason="It looks dead.")

    kill_the_script(deployment)


def test_a_worker_that_goes_away_takes_nothing_new(host, yard):
    deployment = asked_for(yard.counting())
    holding.this_worker().going.set()

    runner.work(deployment.pk, "default")

    deployment.refresh_from_db()
    assert deployment.status == Status.QUEUED


def test_a_worker_that_goes_away_between_two_tries_puts_the_deployment_back(host, yard):
    deployment = asked_for(yard.counting("exit 1"), {"repeatable": True, "retries": 5})
    leaving = holding.this_worker()

    with beside(lambda: carried_out(deployment)):
        wait_until(lambda: deployment.step_runs.filter(finished_at__isnull=False).exists())
        leaving.going.set()

    deployment.refresh_from_db()
    assert (deployment.status, deployment.owner) == (Status.QUEUED, "")
    assert list(spool.known()) == []


def test_a_worker_that_is_asked_to_go_before_the_start_starts_nothing_any_more(host, yard):
    deployment = asked_for(yard.counting())
    claimed = holding.claim(deployment.pk, "default")
    holding.this_worker().going.set()

    runner.carry_out(claimed)

    deployment.refresh_from_db()
    assert (deployment.status, yard.lines()) == (Status.QUEUED, [])
    assert deployment.step_runs.get().outcome == concluding.NEVER_STARTED


# -- two workers ------------------------------------------------------------------------------------------------------


def test_a_deployment_is_claimed_once_however_often_it_is_rung(host, yard):
    deployment = asked_for(yard.counting())
    runner.work(deployment.pk, "default")

    runner.work(deployment.pk, "default")

    deployment.refresh_from_db()
    assert (deployment.attempt, len(yard.lines())) == (1, 1)


def test_a_worker_that_is_alive_keeps_its_scripts(host, yard):
    deployment = asked_for(yard.waiting())
    killed_while_running(deployment, yard.lines)
    host.start_another()

    sweep.adopt_orphans()

    deployment.refresh_from_db()
    assert deployment.owner == host.workers[0].name
    kill_the_script(deployment)


def test_a_frozen_worker_whose_lease_ran_out_is_replaced_and_writes_nothing_afterwards(host, yard, settings):
    settings.LEASE_SECONDS = 1
    frozen = holding.this_worker()
    deployment = asked_for(yard.waiting())
    claimed = killed_while_running(deployment, lambda: "before the gate" in output_of(deployment))
    let_the_lease_run_out(deployment)
    host.start_another()
    sweep.adopt_orphans()
    wait_for(deployment, Status.RUNNING)
    stored = LogChunk.objects.count()

    host.thaw(frozen)
    runner.adopt(claimed)  # it goes on where it was: with the fence that it had

    assert LogChunk.objects.count() == stored
    host.thaw(host.workers[-1])
    yard.open()
    wait_for(deployment, Status.SUCCEEDED)
    assert len(yard.lines()) == 1


def test_a_worker_that_froze_before_the_start_finds_its_run_sealed(host, yard):
    deployment = asked_for(yard.counting())
    claimed = holding.claim(deployment.pk, "default")
    frozen = holding.this_worker()
    host.replace()
    sweep.adopt_orphans()
    wait_for(deployment, Status.QUEUED)
    carried_out(deployment)

    host.thaw(frozen)
    runner.carry_out(claimed)

    deployment.refresh_from_db()
    assert (deployment.status, len(yard.lines())) == (Status.SUCCEEDED, 1)
    assert deployment.step_runs.count() == 1


def test_a_starter_that_comes_after_the_seal_does_not_run_the_script(host, yard):
    deployment = asked_for(yard.counting())
    name = run_of(deployment)
    spool.prepare(name)
    spool.seal(name)

    late = spool.start(name, ["bash", "-c", yard.counting()], {"PATH": os.environ["PATH"]})

    assert late.wait(5) == 125
    assert yard.lines() == []


def test_a_lease_is_renewed_while_a_script_runs(host, yard, settings):
    settings.LEASE_SECONDS = 0.9
    deployment = asked_for(yard.waiting())

    with beside(lambda: carried_out(deployment)):
        wait_until(yard.lines)
        first = Deployment.objects.get(pk=deployment.pk).lease_expires_at
        wait_until(lambda: Deployment.objects.get(pk=deployment.pk).lease_expires_at > first + timedelta(seconds=1))
        yard.open()

    assert "adopted" not in verbs(deployment)


def test_a_lease_is_kept_through_what_takes_longer_than_a_lease(host, settings, yard):
    settings.LEASE_SECONDS = 0.3
    deployment = asked_for(yard.counting())
    claimed = holding.claim(deployment.pk, "default")

    with holding.kept(claimed):
        wait_until(lambda: Deployment.objects.get(pk=deployment.pk).lease_expires_at > claimed.lease_expires_at)

    holding.renew(claimed)


# -- silent hosts -----------------------------------------------------------------------------------------------------


def on_another_host(deployment: Deployment) -> None:
    Deployment.objects.filter(pk=deployment.pk).update(host="far.example", owner="far.example:1:abc")


def test_a_silent_host_is_given_up_only_after_the_whole_time_of_silence(host, yard, settings):
    settings.SILENCE_SECONDS = 0.5
    deployment = asked_for(yard.counting())
    holding.claim(deployment.pk, "default")
    on_another_host(deployment)
    let_the_lease_run_out(deployment)
    looks, began = Sweep(), time.monotonic()
    looks.interrupt_silent()
    deployment.refresh_from_db()
    assert deployment.status == Status.RUNNING

    def given_up() -> bool:
        looks.interrupt_silent()
        deployment.refresh_from_db()
        return deployment.status == Status.INTERRUPTED

    wait_until(given_up)

    assert time.monotonic() - began >= 0.5
    assert "the host that carries it out has been silent" in deployment.outcome
    assert deployment.owner == "far.example:1:abc"


def test_another_sweep_does_not_inherit_what_this_one_has_seen(host, yard, settings):
    settings.SILENCE_SECONDS = 30
    deployment = asked_for(yard.counting())
    holding.claim(deployment.pk, "default")
    on_another_host(deployment)
    let_the_lease_run_out(deployment)
    looks = Sweep()
    looks.interrupt_silent()
    looks.expired_since = {key: seen - 31 for key, seen in looks.expired_since.items()}

    Sweep().interrupt_silent()

    deployment.refresh_from_db()
    assert deployment.status == Status.RUNNING
    looks.interrupt_silent()
    deployment.refresh_from_db()
    assert deployment.status == Status.INTERRUPTED


def test_a_host_that_returns_reports_the_true_outcome_of_what_was_interrupted(host, yard, settings):
    settings.SILENCE_SECONDS = 0
    train = requested(released(a_shop(api=yard.waiting(), ui="exit 0")))
    child = train.children.get(stage=1)
    killed_while_running(child, yard.lines)
    let_the_lease_run_out(child)
    Sweep().interrupt_silent()
    wait_for(train, Status.NEEDS_ATTENTION)
    yard.open()
    host.replace()

    sweep.adopt_orphans()

    wait_for(child, Status.SUCCEEDED)
    carried_out(train)
    wait_for(train, Status.SUCCEEDED)
    assert len(yard.lines()) == 1


def test_a_run_that_a_person_replaced_is_stopped_when_its_host_returns(host, yard, settings):
    settings.SILENCE_SECONDS = 0
    deployment = asked_for(yard.waiting())
    killed_while_running(deployment, yard.lines)
    let_the_lease_run_out(deployment)
    Sweep().interrupt_silent()
    wait_for(deployment, Status.INTERRUPTED)
    resolving.resolve(deployment, "failed", by=a_manager(), reason="The machine burnt down.")
    host.replace()

    sweep.tidy()

    assert spool.processes(run_of(deployment), None) == []
    assert list(spool.known()) == []


def test_tidying_leaves_alone_what_runs_rightly(host, yard):
    deployment = asked_for(yard.waiting())
    killed_while_running(deployment, yard.lines)

    sweep.tidy()

    assert spool.pid_of(run_of(deployment)) is not None
    kill_the_script(deployment)


def test_stopping_a_run_leaves_alone_that_of_another_installation_with_the_same_name(host, yard, settings, tmp_path):
    deployment = asked_for(yard.waiting())
    killed_while_running(deployment, yard.lines)
    ours = settings.SPOOL_DIR
    settings.SPOOL_DIR = tmp_path / "another"

    spool.kill(run_of(deployment), None, 0)

    settings.SPOOL_DIR = ours
    assert spool.pid_of(run_of(deployment)) is not None
    kill_the_script(deployment)


def test_tidying_forgets_old_lock_files_of_dead_workers_only(host):
    dead = holding.this_worker().name
    living = host.replace().name
    for owner in (dead, living):
        os.utime(spool._lock_file(owner), (1, 1))

    spool.forget_dead_owners(older_than=60)

    assert [path.name for path in (spool._spool() / "owners").iterdir()] == [living]


# -- messages ---------------------------------------------------------------------------------------------------------


def rung(deployment: Deployment) -> int:
    return Deployment.objects.get(pk=deployment.pk).rung_count


def test_what_stays_queued_is_rung_for_again_less_and_less_often(host, settings):
    settings.RING_AGAIN_SECONDS = 10
    deployment = asked_for("exit 0")
    long_ago = timezone.now() - timedelta(seconds=11)
    Deployment.objects.filter(pk=deployment.pk).update(rung_at=long_ago, rung_count=1)
    sweep.ring_again()
    assert rung(deployment) == 2

    Deployment.objects.filter(pk=deployment.pk).update(rung_at=long_ago)
    sweep.ring_again()

    assert rung(deployment) == 2
    Deployment.objects.filter(pk=deployment.pk).update(rung_at=timezone.now() - timedelta(seconds=21))
    sweep.ring_again()
    assert rung(deployment) == 3


def test_a_poisoned_row_does_not_keep_the_sweep_from_the_others(host, yard, settings, caplog):
    settings.SILENCE_SECONDS = 0
    poisoned = requested(released(a_shop()))
    Deployment.objects.filter(pk=poisoned.pk).update(status=Status.SCHEDULED, gates=[{"not": "a gate"}])
    deployment = asked_for(yard.counting())
    holding.claim(deployment.pk, "default")
    on_another_host(deployment)
    let_the_lease_run_out(deployment)

    Sweep().once()

    deployment.refresh_from_db()
    assert deployment.status == Status.INTERRUPTED
    assert "the sweep could not look after" in caplog.text


def test_a_request_whose_latest_start_passed_expires_and_is_not_started_late(host, yard):
    deployment = asked_for(yard.counting())
    Deployment.objects.filter(pk=deployment.pk).update(not_after=timezone.now() - timedelta(seconds=1))

    runner.work(deployment.pk, "default")
    Sweep().once()

    deployment.refresh_from_db()
    assert (deployment.status, yard.lines()) == (Status.EXPIRED, [])
    assert verbs(deployment)[-1] == "expired"


def test_a_retry_is_not_ended_by_a_latest_start_that_it_had_met(host, yard):
    deployment = asked_for(yard.counting("kill -9 $PPID; kill -9 $$"))
    Deployment.objects.filter(pk=deployment.pk).update(not_after=timezone.now() + timedelta(hours=1))
    carried_out(deployment)
    Deployment.objects.filter(pk=deployment.pk).update(not_after=timezone.now() - timedelta(hours=1))
    resolving.resolve(deployment, "retry", by=a_manager(), reason="It may.")
    sweep.expire()

    carried_out(deployment)

    assert len(yard.lines()) == 2


def test_a_worker_tells_that_it_lives_and_leaves_when_it_goes(host):
    Sweep().once()
    assert presence.is_served("default")

    presence.leave(holding.this_worker().name)

    assert not Worker.objects.exists()
    assert not presence.is_served("default")


def test_a_worker_hears_its_own_doorbell_without_a_broker(settings, monkeypatch):
    settings.CELERY_BROKER_URL = "memory://"
    monkeypatch.setattr(doorbell, "_listening", False)
    assert not doorbell.is_heard()

    doorbell.listen()

    assert doorbell.is_heard()


@pytest.mark.parametrize(("place", "expected"), [("here", Status.SUCCEEDED), ("elsewhere", Status.INTERRUPTED)])
def test_a_repeatable_run_that_vanished_is_tried_again_only_where_what_is_left_of_it_would_be_found(
    host, yard, place, expected
):
    script = yard.counting(f'[ "$(wc -l <"{yard.path}/starts")" -eq 2 ] || sleep 60')
    deployment = asked_for(script, {"repeatable": True, "retries": 1})
    killed_while_running(deployment, yard.lines)
    kill_the_script(deployment)
    if place == "elsewhere":
        Deployment.objects.filter(pk=deployment.pk).update(boot_id="another spool")
    host.replace()

    sweep.adopt_orphans()
    wait_for(deployment, Status.QUEUED, Status.INTERRUPTED)

    carried_out(deployment)
    assert deployment.status == expected
