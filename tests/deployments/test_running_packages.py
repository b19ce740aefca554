"""Packages really run here, with bash: what a script is given, what its end means, and that nothing of it stays."""

import os
import sys

import psutil
import pytest
from django.utils import timezone

from deployments import actions, following, holding, log, resolving, runner, spool
from deployments.models import Deployment, Status
from lifecycles.models import Environment
from registry import actions as registry
from registry import storage
from registry.models import PackageVersion
from tests.deployments.patience import wait_until
from tests.deployments.scenes import a_manager, a_real_version, a_shop, released, requested
from tests.deployments.scripts import (
    Yard,
    a_variable,
    asked_for,
    beside,
    carried_out,
    output_of,
)
from tests.factories import a_component, a_lone_project, a_stack, an_environment

REPEATABLE = {"repeatable": True, "retries": 1}


def environment_left_by(deployment: Deployment) -> dict[str, str]:
    """What the script printed with `env -0`, whose NULs the log shows as ␀."""
    text = output_of(deployment).partition("release.sh")[2].partition("\n")[2]
    return dict(pair.split("=", 1) for pair in text.split("␀") if "=" in pair)


# -- what a script is given -------------------------------------------------------------------------------------------


def test_a_script_is_given_the_environment_and_the_release_as_arguments(db):
    deployment = carried_out(asked_for('echo "[$#|$1|$2]"'))

    assert "[2|TEST|1.0.0]\n" in output_of(deployment)
    assert deployment.status == Status.SUCCEEDED


def test_a_script_sees_nothing_of_the_portals_own_environment(db, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "only the portal's")
    monkeypatch.setenv("DATABASE_URL", "postgres://portal")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "an operator's")

    deployment = carried_out(asked_for("env -0"))

    given_by_bash = {"PWD", "SHLVL", "_", "OLDPWD"}
    allowed = {"PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", spool.COOKIE}
    about = {f"SIGNALBOX_{name}" for name in ("DEPLOYMENT", "ATTEMPT", "PROJECT", "VERSION", "PACKAGE", "PACKAGES")}
    assert set(environment_left_by(deployment)) <= given_by_bash | allowed | about


def test_a_script_is_told_what_is_being_deployed(db):
    deployment = carried_out(asked_for("env -0"))

    told = environment_left_by(deployment)
    assert (told["SIGNALBOX_DEPLOYMENT"], told["SIGNALBOX_ATTEMPT"]) == (str(deployment.pk), "1")
    assert (told["SIGNALBOX_PROJECT"], told["SIGNALBOX_PACKAGE"], told["SIGNALBOX_VERSION"]) == (
        "website",
        "website",
        "1.0.0",
    )


def test_home_and_the_temporary_directory_are_private_to_the_run(db):
    deployment = carried_out(asked_for("env -0"))

    told = environment_left_by(deployment)
    run = str(spool.directory(spool.name_of(deployment.pk, 1, 1)))
    assert (told["HOME"], told["TMPDIR"]) == (f"{run}/home", f"{run}/tmp")


def test_a_script_starts_in_the_unpacked_package(db):
    deployment = carried_out(asked_for("pwd; cat data/colour.txt", **{"data/colour.txt": "blue\n"}))

    run = spool.directory(spool.name_of(deployment.pk, 1, 1))
    assert f"{run}/work\nblue\n" in output_of(deployment)


def test_a_script_has_the_usual_umask_a_session_of_its_own_and_no_input(db):
    python = f'{sys.executable} -c "import os; print(os.getsid(0))"'

    deployment = carried_out(asked_for(f'umask; {python}; read -r line; echo "read: $?"'))

    umask, session, read = output_of(deployment).splitlines()[1:]
    assert (umask, read) == ("0022", "read: 1")
    assert int(session) != os.getsid(0)


def test_variables_reach_the_script_the_narrowest_first(db):
    stack = a_stack()
    component = a_component(stack, "Website", package="website")
    test: Environment = an_environment("TEST")
    for name in ("A", "B", "C", "D"):
        a_variable(name, "shared")
    for name in ("B", "C", "D"):
        a_variable(name, "of the stack", stack)
    for name in ("C", "D"):
        a_variable(name, "of the component", component)
    a_variable("D", "of the component in TEST", component, test)
    a_variable("E", "elsewhere", component, an_environment("PROD"))
    a_real_version("website", "1.0.0", 'echo "$A|$B|$C|$D|${E-unset}"')
    train = requested(released(stack))

    carried_out(train)

    child = train.children.get()
    assert "shared|of the stack|of the component|of the component in TEST|unset\n" in output_of(child)


def test_a_variable_may_have_any_name_also_one_that_the_shell_around_the_script_could_use(db):
    project = a_lone_project()
    for name in ("run", "status", "name"):
        a_variable(name, f"my {name}", project)

    deployment = carried_out(asked_for('echo "$run, $status, $name"', project=project))

    assert "my run, my status, my name\n" in output_of(deployment)


def test_the_private_home_cannot_be_replaced_by_a_variable(db):
    project = a_lone_project()
    a_variable("HOME", "/root", project)

    deployment = carried_out(asked_for("env -0", project=project))

    assert environment_left_by(deployment)["HOME"].endswith("/home")


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_a_sensitive_variable_reaches_the_script_and_is_masked_in_the_log(db, yard):
    project = a_lone_project()
    a_variable("TOKEN", "s3cr3t-Ünïcode", project, sensitive=True)

    deployment = carried_out(asked_for(f'echo "$TOKEN" >{yard.path}/seen; echo "token=$TOKEN."', project=project))

    assert yard.lines("seen") == ["s3cr3t-Ünïcode"]
    assert "token=******.\n" in output_of(deployment)
    assert "s3cr3t" not in output_of(deployment)


def test_a_secret_is_masked_wherever_its_output_is_cut(db):
    project = a_lone_project()
    a_variable("TOKEN", "abcdefghij", project, sensitive=True)
    script = "printf 'x abc'; sleep 0.7; printf 'defg'; sleep 0.7; printf 'hij y\\n'; printf 'abcdefghi'"

    deployment = carried_out(asked_for(script, project=project))

    assert output_of(deployment).endswith("x ****** y\nabcdefghi")


def test_output_that_is_not_utf8_is_kept_legible(db):
    deployment = carried_out(asked_for(r"printf 'caf\xe9 \xff\xfe\n'; printf 'a\0b\n'; printf '\xc3\xa9\n'"))

    assert output_of(deployment).endswith("caf� ��\na␀b\né\n")
    assert deployment.status == Status.SUCCEEDED


def test_a_hundred_thousand_lines_are_kept_complete_and_in_order(db):
    deployment = carried_out(asked_for("seq 100000"))

    lines = output_of(deployment).splitlines()[1:]
    assert lines == [str(number) for number in range(1, 100_001)]


def test_a_huge_line_is_kept_whole_and_shown_shortened(db):
    deployment = carried_out(asked_for("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end"))

    assert len(output_of(deployment).splitlines()[1]) == 3_000_000
    shown = log.read(deployment).lines
    assert len(shown[1].text) < 11_000
    assert shown[2].text == "end"


def test_a_log_that_reaches_its_limit_says_so_and_the_script_goes_on(db, settings, yard):
    settings.LOG_MAX_BYTES = 10_000

    deployment = carried_out(asked_for(f"seq 100000; sleep 0.7; seq 1000; {yard.counting()}"))

    assert deployment.status == Status.SUCCEEDED
    assert len(yard.lines()) == 1
    text = output_of(deployment)
    assert len(text) < 10_200
    assert text.endswith("… The log is longer than 10,000 bytes. What follows was not kept.\n")
    assert text.count("The log is longer") == 1


@pytest.mark.parametrize("most", [10**9, 10**4])
def test_what_is_stored_or_will_not_be_takes_no_space_while_the_script_runs_on(
    transactional_db, settings, yard, monkeypatch, most
):
    settings.LOG_MAX_BYTES = most
    monkeypatch.setattr(following, "FORGET_BYTES", 100_000)
    deployment = asked_for(f"yes 0123456789 | head -n 200000\n{yard.waiting()}")
    out = spool.directory(spool.name_of(deployment.pk, 1, 1)) / "out"

    with beside(lambda: carried_out(deployment)):
        wait_until(yard.lines)
        wait_until(lambda: out.stat().st_blocks * 512 < 150_000)
        printed = out.stat().st_size
        yard.open()

    assert printed > 2_000_000
    deployment.refresh_from_db()
    assert deployment.status == Status.SUCCEEDED


def test_a_script_that_never_stops_printing_can_be_stopped(transactional_db, settings, yard):
    settings.LEASE_SECONDS = 0.6
    settings.LOG_MAX_BYTES = 100_000
    deployment = asked_for(yard.counting("while :; do echo again and again and again; done"))

    with beside(lambda: carried_out(deployment)):
        wait_until(yard.lines)
        actions.cancel(deployment, by=a_manager(), stop_running=True)

    deployment.refresh_from_db()
    assert deployment.status == Status.CANCELLED


# -- what its end means -----------------------------------------------------------------------------------------------


def test_the_exit_status_of_a_script_that_fails_is_named(db):
    deployment = carried_out(asked_for("echo oh dear; exit 3"))

    assert deployment.status == Status.FAILED
    assert deployment.outcome == "“Run the release package” failed with exit status 3."
    assert deployment.step_runs.get().exit_status == 3
    assert "oh dear\n" in output_of(deployment)


def test_a_script_that_a_signal_ends_has_failed_by_that_signal(db):
    deployment = carried_out(asked_for("kill -9 $$"))

    assert deployment.status == Status.FAILED
    assert deployment.outcome.endswith("failed: it was ended by signal 9 (SIGKILL).")


def test_a_package_without_an_entry_point_is_refused_with_a_sentence(db):
    deployment = carried_out(asked_for(None))

    assert deployment.status == Status.FAILED
    assert "has no release.sh, and the process states no other entry point" in deployment.outcome
    assert deployment.outcome in output_of(deployment)


def test_an_entry_point_that_the_package_does_not_hold_is_refused_with_a_sentence(db):
    deployment = carried_out(asked_for("exit 0", {"settings": {"entry_point": "deploy/other.sh"}}))

    assert deployment.status == Status.FAILED
    assert "holds no file “deploy/other.sh”, which is stated as its entry point." in deployment.outcome


def test_a_stated_entry_point_in_a_subdirectory_is_run(db):
    step = {"settings": {"entry_point": "deploy/go.sh"}}

    deployment = carried_out(asked_for("exit 1", step, **{"deploy/go.sh": "echo from below: $1"}))

    assert deployment.status == Status.SUCCEEDED
    assert "from below: TEST\n" in output_of(deployment)


@pytest.mark.parametrize("entry_point", ["../home/x.sh", "/bin/true", "work/../../../x", "../work/release.sh/.."])
def test_an_entry_point_outside_of_the_package_is_never_run(db, entry_point):
    deployment = carried_out(asked_for("exit 0", {"settings": {"entry_point": entry_point}}))

    assert deployment.status == Status.FAILED
    assert "holds no file" in deployment.outcome


def test_a_package_whose_bytes_were_changed_on_disk_is_not_run(db, yard):
    deployment = asked_for(yard.counting())
    stored = storage.path_of(PackageVersion.objects.get().artifact.sha256)
    stored.chmod(0o600)
    stored.write_bytes(b"x" + stored.read_bytes()[1:])

    carried_out(deployment)

    deployment.refresh_from_db()
    assert deployment.status == Status.FAILED
    assert "was changed in the storage. Push the same package again to restore it." in deployment.outcome
    assert yard.lines() == []


def test_a_package_that_was_withdrawn_after_the_request_is_not_run(db, yard):
    stack = a_shop(ui=yard.counting())
    train = requested(released(stack))
    registry.withdraw(PackageVersion.objects.get(package__name="ui"), by=a_manager(), reason="It leaks.")

    carried_out(train)

    assert yard.lines() == []
    ui = train.children.get(project__name="UI")
    assert "withdrawn" in ui.outcome


def test_a_package_whose_bytes_were_removed_after_the_request_is_not_run(db, yard):
    stack = a_shop(ui=yard.counting())
    train = requested(released(stack))
    PackageVersion.objects.filter(package__name="ui").update(removed_at=timezone.now(), removed_reason="a mistake")

    carried_out(train)

    assert yard.lines() == []
    assert "ui 1.0.0 was removed on" in train.children.get(project__name="UI").outcome


def test_a_step_of_an_unknown_kind_is_refused_with_a_sentence(db):
    deployment = carried_out(asked_for("exit 0", {"kind": "sing-a-song"}))

    assert deployment.outcome == "“sing-a-song” is not a kind of step that this version of Signalbox knows."


def test_what_breaks_on_our_side_fails_the_deployment_and_leaves_nothing_running(db, yard, caplog):
    deployment = asked_for(yard.counting())
    spool.directory(spool.name_of(deployment.pk, 1, 1)).mkdir(parents=True)

    carried_out(deployment)

    deployment.refresh_from_db()
    assert (deployment.status, deployment.outcome) == (Status.FAILED, runner.BROKE)
    assert "broke on our side" in caplog.text
    assert yard.lines() == []


# -- stopping ---------------------------------------------------------------------------------------------------------

STUBBORN = """
mark() {{ echo $BASHPID >>"{yard}/pids"; }}
trap '' TERM
setsid bash -c 'trap "" TERM; echo $$ >>"{yard}/pids"; while :; do sleep 0.05; done' &
nohup bash -c 'echo $$ >>"{yard}/pids"; sleep 60' >/dev/null 2>&1 &
( mark; while :; do sleep 0.05; done ) &
mark
wait
while :; do sleep 0.05; done
"""


def lives(pid: int) -> bool:
    """What has ended may wait for a parent to ask for its status."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def living(yard: Yard) -> list[str]:
    """Those of the noted processes that live."""
    return [pid for pid in yard.lines("pids") if lives(int(pid))]


def test_a_time_limit_stops_the_whole_tree_of_processes(db, yard):
    deployment = carried_out(asked_for(STUBBORN.format(yard=yard.path), {"time_limit_seconds": 1}))

    assert deployment.status == Status.FAILED
    assert deployment.outcome.endswith("was stopped because it took longer than 1 second.")
    assert len(yard.lines("pids")) == 4
    assert living(yard) == []


def test_cancelling_stops_also_what_has_left_the_session_or_ignores_signals(transactional_db, settings, yard):
    settings.LEASE_SECONDS = 0.6
    deployment = asked_for(STUBBORN.format(yard=yard.path))

    with beside(lambda: carried_out(deployment)):
        wait_until(lambda: len(yard.lines("pids")) == 4)
        actions.cancel(deployment, by=a_manager(), stop_running=True)

    deployment.refresh_from_db()
    assert deployment.status == Status.CANCELLED
    assert deployment.outcome == "mia stopped it midway; what had been done by then stays done."
    assert living(yard) == []


def test_a_script_is_asked_to_stop_once_and_may_clear_up(transactional_db, settings, yard):
    settings.LEASE_SECONDS = 0.6
    settings.CANCEL_GRACE_SECONDS = 20
    script = f"""
    trap 'echo asked >>{yard.path}/asked; for n in 1 2 3 4 5 6; do /bin/sleep 0.1; done; echo cleared up; exit 1' TERM
    {yard.counting()}
    while :; do sleep 0.05; done
    """
    deployment = asked_for(script)

    with beside(lambda: carried_out(deployment)):
        wait_until(yard.lines)
        actions.cancel(deployment, by=a_manager(), stop_running=True)

    deployment.refresh_from_db()
    assert deployment.status == Status.CANCELLED
    assert yard.lines("asked") == ["asked"]
    assert output_of(deployment).endswith("cleared up\n")


def test_what_is_cancelled_between_its_claim_and_its_start_never_starts(db, yard):
    deployment = asked_for(yard.counting())
    claimed = holding.claim_next("default")
    actions.cancel(deployment, by=a_manager(), stop_running=True)

    runner.carry_out(claimed)

    deployment.refresh_from_db()
    assert deployment.status == Status.CANCELLED
    assert yard.lines() == []


# -- several steps, several tries -------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["exit 0", "exit 3", "kill -9 $$", None])
def test_the_directory_of_a_run_is_removed_afterwards(db, script):
    carried_out(asked_for(script))

    assert list(spool.known()) == []


@pytest.fixture
def no_pause(own_worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries of a step follow each other soon."""
    monkeypatch.setattr(runner, "LONGEST_PAUSE", 0.01)


def test_a_repeatable_step_is_tried_again_and_both_tries_are_kept(db, yard, no_pause):
    script = yard.counting(f'[ "$(wc -l <"{yard.path}/starts")" -eq 2 ] || exit 7')

    deployment = carried_out(asked_for(script, REPEATABLE))

    assert deployment.status == Status.SUCCEEDED
    assert list(deployment.step_runs.values_list("attempt", "exit_status")) == [(1, 7), (2, 0)]
    assert len(yard.lines()) == 2


def test_a_step_fails_once_its_retries_are_used_up(db, yard, no_pause):
    deployment = carried_out(asked_for(yard.counting("exit 7"), REPEATABLE | {"retries": 2}))

    assert deployment.status == Status.FAILED
    assert len(yard.lines()) == 3


def test_a_step_that_is_not_repeatable_is_tried_once(db, yard):
    carried_out(asked_for(yard.counting("exit 7")))

    assert len(yard.lines()) == 1


TWO_STEPS = ({"name": "First"}, {"name": "Second", "settings": {"entry_point": "second.sh"}})


def test_a_repeatable_step_is_tried_again_also_where_nobody_knows_what_became_of_it(db, yard, no_pause):
    script = yard.counting(f'[ "$(wc -l <"{yard.path}/starts")" -eq 2 ] || {{ kill -9 "$PPID"; kill -9 $$; }}')

    deployment = carried_out(asked_for(script, REPEATABLE))

    assert deployment.status == Status.SUCCEEDED
    assert list(deployment.step_runs.values_list("attempt", "exit_status")) == [(1, None), (2, 0)]
    assert len(yard.lines()) == 2


def test_the_directory_of_a_failed_run_is_kept_where_that_is_asked_for(db, settings):
    settings.KEEP_FAILED_RUNS = 1

    carried_out(asked_for("echo here >left-behind; exit 3"))

    (kept,) = spool.kept()
    assert (kept / "work" / "left-behind").read_text() == "here\n"


def test_steps_run_in_order_and_the_second_one_failing_fails_the_deployment(db, yard):
    files = {"second.sh": yard.counting("exit 1", name="order")}

    deployment = carried_out(asked_for(yard.counting(name="order"), *TWO_STEPS, **files))

    assert deployment.status == Status.FAILED
    assert deployment.outcome == "“Second” failed with exit status 1."
    assert list(deployment.step_runs.values_list("position", "exit_status")) == [(1, 0), (2, 1)]
    assert len(yard.lines("order")) == 2


def test_a_second_step_does_not_run_when_the_first_fails(db, yard):
    carried_out(asked_for("exit 1", *TWO_STEPS, **{"second.sh": yard.counting()}))

    assert yard.lines() == []


def test_a_step_that_succeeded_is_not_run_again_when_a_person_retries(db, yard):
    takes_its_shell_along = 'kill -9 "$PPID"; kill -9 $$'
    second = yard.counting(
        f'[ "$(wc -l <"{yard.path}/second")" -eq 2 ] || {{ {takes_its_shell_along}; }}', name="second"
    )
    deployment = carried_out(asked_for(yard.counting(name="first"), *TWO_STEPS, **{"second.sh": second}))
    assert deployment.status == Status.INTERRUPTED

    resolving.resolve(deployment, "retry", by=a_manager(), reason="The machine was out of memory.")
    carried_out(deployment)

    deployment.refresh_from_db()
    assert deployment.status == Status.SUCCEEDED
    assert (len(yard.lines("first")), len(yard.lines("second"))) == (1, 2)


def test_a_run_whose_shell_vanished_does_not_go_on_beside_its_retry(db, yard):
    script = yard.counting(
        f'[ "$(wc -l <"{yard.path}/starts")" -eq 2 ] && exit 0\n'
        f"setsid bash -c 'echo $$ >>\"{yard.path}/pids\"; exec sleep 60' &\n"
        f'while [ ! -e "{yard.path}/pids" ]; do sleep 0.02; done; kill -9 "$PPID"; kill -9 $$'
    )
    deployment = carried_out(asked_for(script))
    assert (deployment.status, len(living(yard))) == (Status.INTERRUPTED, 1)

    resolving.resolve(deployment, "retry", by=a_manager(), reason="It may run again.")
    carried_out(deployment)

    assert living(yard) == []
