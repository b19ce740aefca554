"""What a script may use at most: each limit is met by a script that really goes beyond it."""

import resource
import subprocess
import sys

import pytest

from deployments import limits, spool
from deployments.models import Status
from tests.deployments.scripts import asked_for, carried_out, output_of

SPIN = "while :; do :; done"
ALLOCATE = f"{sys.executable} -c 'bytearray(600_000_000)'"
OPEN = f"{sys.executable} -c 'import os; [os.dup(0) for _ in range(200)]'"
WRITE = "head -c 2000000 /dev/zero >big"


def test_without_settings_a_script_has_the_limits_of_its_worker(db):
    deployment = carried_out(asked_for("ulimit -t; ulimit -v; ulimit -n; ulimit -f"))

    soft_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert output_of(deployment).splitlines()[1:] == ["unlimited", "unlimited", str(soft_files), "unlimited"]


def test_a_script_never_leaves_a_core_file(db):
    deployment = carried_out(asked_for("ulimit -c"))

    assert output_of(deployment).splitlines()[1:] == ["0"]


def test_a_script_that_computes_too_long_is_ended_by_a_signal_that_says_so(db, settings):
    settings.RUN_LIMITS = {"RUN_CPU_SECONDS": 1}

    deployment = carried_out(asked_for(SPIN))

    assert deployment.status == Status.FAILED
    assert deployment.outcome.endswith("failed: it was ended by signal 24 (SIGXCPU).")


def test_a_script_that_takes_too_much_memory_is_refused_it(db, settings):
    settings.RUN_LIMITS = {"RUN_MEMORY_BYTES": 300 * 1024**2}

    deployment = carried_out(asked_for(ALLOCATE))

    assert deployment.outcome.endswith("failed with exit status 1.")
    assert output_of(deployment).endswith("MemoryError\n")


def test_a_script_that_opens_too_many_files_is_refused_them(db, settings):
    settings.RUN_LIMITS = {"RUN_OPEN_FILES": 100}

    deployment = carried_out(asked_for(OPEN))

    assert deployment.outcome.endswith("failed with exit status 1.")
    assert "Too many open files" in output_of(deployment)


def test_a_file_that_grows_too_large_ends_the_program_that_writes_it(db, settings):
    settings.RUN_LIMITS = {"RUN_FILE_BYTES": 1024**2}

    deployment = carried_out(asked_for(f"{WRITE}; echo $?; wc -c <big"))

    assert output_of(deployment).splitlines()[-2:] == ["153", str(1024**2)]  # 128 + SIGXFSZ


@pytest.mark.parametrize("script", [ALLOCATE, OPEN, WRITE], ids=["memory", "files", "size"])
def test_what_stays_within_its_limits_runs_as_ever(db, settings, script):
    settings.RUN_LIMITS = {
        "RUN_CPU_SECONDS": 60,
        "RUN_MEMORY_BYTES": 1024**3,
        "RUN_OPEN_FILES": 300,
        "RUN_FILE_BYTES": 4_000_000,
    }

    deployment = carried_out(asked_for(script))

    assert deployment.status == Status.SUCCEEDED


def test_a_limit_holds_for_the_script_and_not_for_the_shell_that_notes_its_end(db, settings):
    settings.RUN_LIMITS = {"RUN_MEMORY_BYTES": 1024}

    deployment = carried_out(asked_for("exit 0"))

    assert deployment.status == Status.FAILED
    assert deployment.step_runs.get().exit_status is not None


# -- a limit that cannot be set ---------------------------------------------------------------------------------------


def test_a_limit_that_cannot_be_set_refuses_the_run_with_a_sentence(db, settings, yard):
    settings.RUN_LIMITS = {"RUN_OPEN_FILES": 10**12}

    deployment = carried_out(asked_for(yard.counting()))

    assert deployment.status == Status.FAILED
    assert deployment.outcome == (
        "RUN_OPEN_FILES is 1000000000000, and that limit cannot be set on this machine: it allows less or knows no such"
        " limit. Change or remove the setting; nothing was started."
    )
    assert yard.lines() == []


def test_the_shell_itself_starts_nothing_when_a_limit_cannot_be_set(settings, yard):
    settings.RUN_LIMITS = {"RUN_CPU_SECONDS": -1}  # never asked beforehand
    spool.prepare("1-1-1")

    spool.start("1-1-1", ["sh", "-c", yard.counting()], {}).wait()

    assert spool.exit_status("1-1-1") == limits.UNSET
    assert yard.lines() == []
    assert b"RUN_CPU_SECONDS is -1, and that limit cannot be set" in (spool.directory("1-1-1") / "out").read_bytes()


def test_a_limit_of_processes_is_refused_where_it_would_mean_nothing():
    refusal = limits.refusal({"RUN_PROCESSES": 100}, as_root=True)

    assert refusal is not None
    assert refusal.startswith("RUN_PROCESSES means nothing to root")


@pytest.mark.parametrize("shell", [[limits.SHELL], ["bash", "--posix"]], ids=["sh", "bash"])
def test_the_commands_say_the_same_to_every_shell(shell):
    asked = {
        "RUN_CPU_SECONDS": 10,
        "RUN_MEMORY_BYTES": 2**30,
        "RUN_OPEN_FILES": 50,
        "RUN_PROCESSES": 5000,
        "RUN_FILE_BYTES": 2**20,
    }
    kinds = [f"resource.RLIMIT_{name}" for name in ("CPU", "AS", "NOFILE", "NPROC", "FSIZE")]
    ask = f"import resource; print(*map(resource.getrlimit, [{', '.join(kinds)}]))"

    commands = f"{limits.as_shell(asked)}{sys.executable} -I -S -c '{ask}'"
    said = subprocess.run([*shell, "-c", commands], capture_output=True, check=True)

    assert said.stdout == b"(10, 15) (1073741824, 1073741824) (50, 50) (5000, 5000) (1048576, 1048576)\n"
