"""What surrounds a script: nothing of the portal's, another user where one is named, and what is kept and removed."""

import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from config import settings as product
from deployments import account, janitor, runner, spool, sweep
from deployments.models import Deployment, Status
from registry import storage
from registry.models import PackageVersion
from tests.deployments.patience import wait_until
from tests.deployments.scenes import a_zip
from tests.deployments.scripts import Yard, a_variable, a_version_holding, asked_for, carried_out, output_of
from tests.factories import a_lone_project

LIST_DESCRIPTORS = f"""{sys.executable} -c '
import fcntl
for number in range(1024):
    try:
        fcntl.fcntl(number, fcntl.F_GETFD)
    except OSError:
        continue
    print(number)
'"""


def printed_by(deployment: Deployment) -> list[str]:
    """Its lines, behind the one that introduces the package."""
    return output_of(deployment).splitlines()[1:]


def a_run(name: str, *, with_bytes: int = 0) -> str:
    """A run that has prepared its directory and left something in it."""
    (spool.prepare(name) / "left").write_bytes(b"x" * with_bytes)
    return name


def are_cleared() -> bool:
    """Whether the janitor has removed everything that it was given."""
    return list(settings.SPOOL_DIR.glob("removing/*")) == []


# -- nothing of ours --------------------------------------------------------------------------------------------------


def test_a_script_inherits_no_open_file_of_its_worker(db, tmp_path):
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)

        deployment = carried_out(asked_for(LIST_DESCRIPTORS))

    assert printed_by(deployment) == ["0", "1", "2"]


def test_the_input_of_a_script_is_empty(db):
    deployment = carried_out(asked_for("readlink /proc/self/fd/0; wc -c"))

    assert printed_by(deployment) == ["/dev/null", "0"]


def test_a_script_is_the_leader_of_no_session_that_has_a_terminal(db):
    deployment = carried_out(asked_for("(: </dev/tty) 2>/dev/null || echo there is no terminal"))

    assert printed_by(deployment) == ["there is no terminal"]


def test_the_name_of_no_setting_reaches_a_script(db, monkeypatch):
    names = sorted(name for name in dir(product) if name.isupper())
    for name in names:
        monkeypatch.setenv(name, "only the portal's")

    deployment = carried_out(asked_for("env"))

    assert "only the portal's" not in output_of(deployment)


def test_a_script_is_told_which_attempt_it_is(db, monkeypatch):
    monkeypatch.setattr(runner, "LONGEST_PAUSE", 0.01)
    script = 'echo "attempt $SIGNALBOX_ATTEMPT"; [ "$SIGNALBOX_ATTEMPT" = 2 ]'

    deployment = carried_out(asked_for(script, {"repeatable": True, "retries": 1}))

    assert deployment.status == Status.SUCCEEDED
    assert [line for line in printed_by(deployment) if "attempt" in line] == ["attempt 1", "attempt 2"]


def test_a_package_is_verified_again_before_every_attempt(db, yard, monkeypatch):
    monkeypatch.setattr(runner, "LONGEST_PAUSE", 0.01)
    script = yard.counting(f'stored=$(cat "{yard.path}/stored"); chmod u+w "$stored"; echo >>"$stored"; exit 1')
    deployment = asked_for(script, {"repeatable": True, "retries": 1})
    stored = storage.path_of(PackageVersion.objects.get().artifact.sha256)
    (yard.path / "stored").write_text(str(stored))

    carried_out(deployment)

    deployment.refresh_from_db()
    assert (deployment.status, deployment.attempt, len(yard.lines())) == (Status.FAILED, 2, 1)
    assert "was changed in the storage" in deployment.outcome


# -- another user -----------------------------------------------------------------------------------------------------

ANOTHER = "nobody"


@pytest.fixture
def another_user(settings: Any) -> Iterator[pwd.struct_passwd]:
    """Scripts run as somebody else, in a spool that he can reach."""
    outside = Path(tempfile.mkdtemp(prefix="signalbox-spool-"))
    outside.chmod(0o711)
    settings.SPOOL_DIR = outside / "spool"
    settings.RUN_AS_USER = ANOTHER
    yield pwd.getpwnam(ANOTHER)
    wait_until(are_cleared)
    shutil.rmtree(outside)


@pytest.mark.root
def test_a_script_is_the_other_user_with_his_groups_and_no_others(db, another_user):
    deployment = carried_out(
        asked_for("id -u; id -g; id -G; grep -E '^(Uid|Gid|CapPrm|CapEff|CapInh):' /proc/self/status")
    )

    uid, gid = another_user.pw_uid, another_user.pw_gid
    groups = " ".join(map(str, os.getgrouplist(ANOTHER, gid)))
    ids, caps = [f"Uid:\t{uid}", f"Gid:\t{gid}"], [f"Cap{kind}:\t{0:016x}" for kind in ("Inh", "Prm", "Eff")]
    all_four = [line + f"\t{line.partition(chr(9))[2]}" * 3 for line in ids]
    assert printed_by(deployment) == [str(uid), str(gid), groups, *all_four, *caps]


@pytest.mark.root
def test_the_other_user_finds_himself_at_home(db, another_user):
    script = (
        'umask; echo "$USER $LOGNAME"; stat -c "%U %a" . release.sh "$HOME" "$TMPDIR"; touch here "$HOME/a"; cd; pwd'
    )

    deployment = carried_out(asked_for(script))

    private, home = f"{ANOTHER} 700", spool.directory(spool.name_of(deployment.pk, 1, 1)) / "home"
    files = [private, f"{ANOTHER} 644", private, private]
    assert printed_by(deployment) == ["0022", f"{ANOTHER} {ANOTHER}", *files, str(home)]
    assert deployment.status == Status.SUCCEEDED


@pytest.mark.root
def test_the_other_user_is_given_every_variable_whatever_its_name_and_content(db, another_user):
    project = a_lone_project()
    content = "a 'quoted' \"thing\" $HOME `id` \\\nand a second line  "
    a_variable("CONTENT", content, project)
    a_variable("LD_PRELOAD", "/nowhere/at-all.so", project)
    a_variable("n", "short", project)

    deployment = carried_out(asked_for('printf "%s\\n" "$CONTENT" "$n" "$LD_PRELOAD"; env', project=project))

    told = output_of(deployment)
    assert f"{content}\nshort\n/nowhere/at-all.so\n" in told
    assert "VEILED" not in told


@pytest.mark.root
def test_a_variable_has_no_power_over_what_still_is_root(db, another_user):
    project = a_lone_project()
    a_variable("LD_PRELOAD", "/nowhere/at-all.so", project)

    deployment = carried_out(asked_for("exit 0", project=project))

    (complaint,) = printed_by(deployment)  # of bash, which is the first program that has it
    assert "cannot be preloaded" in complaint
    assert deployment.status == Status.SUCCEEDED


@pytest.mark.root
def test_the_output_of_the_other_user_may_be_opened_again_by_its_name(db, another_user):
    deployment = carried_out(
        asked_for("echo one >>/dev/stdout; echo two >>/dev/stderr; echo three | tee -a /dev/stderr")
    )

    assert printed_by(deployment) == ["one", "two", "three", "three"]


@pytest.mark.root
def test_a_script_can_neither_forge_how_it_ended_nor_end_the_shell_that_notes_it(db, another_user):
    script = """
    exec 2>/dev/null
    kill -9 $PPID && echo killed it
    for file in ../status ../pid ../started ../forged; do echo 0 >$file && echo wrote $file; done
    rm -f ../status ../pid ../started && echo removed them
    mv ../work ../elsewhere && echo moved it
    cat ../pid ../started && echo read them
    exit 3
    """

    deployment = carried_out(asked_for(script))

    assert printed_by(deployment) == []
    assert deployment.step_runs.get().exit_status == 3


@pytest.mark.root
def test_what_is_not_the_scripts_own_can_be_neither_read_nor_listed(db, another_user, settings):
    settings.KEEP_FAILED_RUNS = 1
    spool.set_aside(a_run("9-1-1", with_bytes=1))
    waiting = spool.directory(a_run("8-1-1", with_bytes=1))
    a_version_holding("other", "1.0.0", a_zip("exit 0"))
    artifact = storage.path_of(PackageVersion.objects.get().artifact.sha256)
    files = [artifact, spool.kept()[0] / "work/left", waiting / "work/left"]
    directories = [waiting.parent.parent, waiting.parent, waiting, *(path.parent for path in files[:2])]
    script = f"cat {' '.join(map(str, files))} 2>/dev/null; ls {' '.join(map(str, directories))} 2>/dev/null; true"

    deployment = carried_out(asked_for(script))

    assert printed_by(deployment) == []
    assert all(path.exists() for path in (*files, *directories))


@pytest.mark.root
def test_the_processes_of_the_other_user_can_be_limited(db, another_user, settings):
    settings.RUN_LIMITS = {"RUN_PROCESSES": 20}

    deployment = carried_out(asked_for("for n in $(seq 40); do sleep 20 & done; echo started them all"))

    assert deployment.status == Status.FAILED
    assert "Resource temporarily unavailable" in output_of(deployment)
    assert "started them all" not in output_of(deployment)


@pytest.mark.root
@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("no-such-user", "this machine knows no user of that name."),
        ("root", "which is root itself"),
        (ANOTHER, "who cannot enter "),
    ],
)
def test_a_user_as_whom_nothing_can_run_refuses_the_run_with_a_sentence(db, settings, yard, user, expected):
    settings.RUN_AS_USER = user  # the directories of tests are root's own

    deployment = carried_out(asked_for(yard.counting()))

    assert deployment.status == Status.FAILED
    assert deployment.outcome.startswith(f"RUN_AS_USER is “{user}”, ")
    assert expected in deployment.outcome
    assert yard.lines() == []


def test_only_root_may_run_scripts_as_another_user(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    refusal = account.refusal(ANOTHER, tmp_path)

    assert refusal is not None
    assert "only root may run scripts as somebody else" in refusal


# -- what is removed --------------------------------------------------------------------------------------------------


def test_the_directory_of_a_run_is_gone_at_once_and_what_was_in_it_soon():
    a_run("1-1-1")

    spool.remove("1-1-1")

    assert list(spool.known()) == []
    wait_until(are_cleared)


def test_what_a_script_made_read_only_is_removed_all_the_same(db):
    deployment = carried_out(asked_for('mkdir -p a/b; touch a/b/c; chmod -R a-w . "$HOME"; chmod 0 a'))

    assert deployment.status == Status.SUCCEEDED
    wait_until(are_cleared)


def test_removing_what_is_not_there_does_nothing():
    spool.remove("1-1-1")

    assert are_cleared()


def test_what_a_worker_did_not_get_to_is_removed_by_the_sweep_of_the_next_one(db, monkeypatch):
    monkeypatch.setattr(janitor, "_soon", lambda task: None)  # it dies before its janitor does anything
    spool.remove(a_run("1-1-1"))
    assert not are_cleared()
    monkeypatch.undo()

    sweep.tidy()

    wait_until(are_cleared)


# -- what is kept -----------------------------------------------------------------------------------------------------


def kept_names() -> list[str]:
    return [path.name for path in spool.kept()]


def test_nothing_of_a_failed_run_is_kept_unless_it_is_asked_for():
    a_run("1-1-1")

    spool.set_aside("1-1-1")

    assert (list(spool.known()), kept_names()) == ([], [])
    wait_until(are_cleared)


def test_a_failed_run_is_kept_for_nobody_else_and_is_no_run_any_more(settings):
    settings.KEEP_FAILED_RUNS = 3
    a_run("1-1-1", with_bytes=3)

    spool.set_aside("1-1-1")

    (path,) = spool.kept()
    assert (path / "work/left").read_bytes() == b"xxx"
    assert [oct(directory.stat().st_mode & 0o777) for directory in (path, path.parent)] == ["0o700", "0o700"]
    assert list(spool.known()) == []


def test_the_newest_failed_runs_are_kept(settings):
    settings.KEEP_FAILED_RUNS = 2

    for name in ("1-1-1", "3-1-1", "2-1-1"):
        spool.set_aside(a_run(name))

    wait_until(lambda: kept_names() == ["2-1-1", "3-1-1"])


def test_failed_runs_are_kept_within_so_many_bytes_in_all(settings):
    settings.KEEP_FAILED_RUNS, settings.KEEP_FAILED_BYTES = 10, 300_000

    for name in ("1-1-1", "2-1-1", "3-1-1"):
        spool.set_aside(a_run(name, with_bytes=100_000))

    wait_until(lambda: kept_names() == ["3-1-1", "2-1-1"])


def test_a_failed_run_that_is_too_large_is_not_kept(settings):
    settings.KEEP_FAILED_RUNS, settings.KEEP_FAILED_BYTES = 10, 100_000

    spool.set_aside(a_run("1-1-1", with_bytes=200_000))

    wait_until(lambda: kept_names() == [])


def test_what_is_kept_follows_the_settings_when_they_change(db, settings):
    settings.KEEP_FAILED_RUNS = 2
    spool.set_aside(a_run("1-1-1"))
    settings.KEEP_FAILED_RUNS = 0

    sweep.tidy()

    wait_until(lambda: kept_names() == [] and are_cleared())


# -- output on disk ---------------------------------------------------------------------------------------------------

MEGABYTE = 1024**2


def out_of(name: str) -> Path:
    return spool.directory(name) / "out"


def bytes_on_disk(name: str) -> int:
    return out_of(name).stat().st_blocks * 512


def test_output_that_is_stored_elsewhere_takes_no_space_and_the_rest_keeps_its_place():
    a_run("1-1-1")
    out_of("1-1-1").write_bytes(b"x" * 4 * MEGABYTE + b"the rest")

    spool.forget_output("1-1-1", 4 * MEGABYTE)

    assert out_of("1-1-1").stat().st_size == 4 * MEGABYTE + len("the rest")
    assert bytes_on_disk("1-1-1") < 100_000
    with spool.output("1-1-1", 4 * MEGABYTE) as rest:
        assert rest.read() == b"the rest"


def test_a_script_prints_on_while_its_output_is_forgotten(yard: Yard):
    spool.prepare("1-1-1")
    script = f"head -c 4194304 /dev/zero; {yard.waiting()}"
    process = spool.start("1-1-1", ["bash", "-c", script], {"PATH": os.environ["PATH"]})
    wait_until(yard.lines)

    spool.forget_output("1-1-1", 4 * MEGABYTE)

    yard.open()
    process.wait()
    assert spool.exit_status("1-1-1") == 0
    assert bytes_on_disk("1-1-1") < 100_000
    with spool.output("1-1-1", 4 * MEGABYTE) as rest:
        assert rest.read() == b"before the gate\nbehind the gate\n"


def test_what_is_not_stored_yet_is_never_forgotten():
    a_run("1-1-1")
    out_of("1-1-1").write_bytes(b"x" * 9_999 + b"not yet")

    spool.forget_output("1-1-1", 9_999)

    assert out_of("1-1-1").read_bytes() == b"\0" * 8192 + b"x" * (9_999 - 8192) + b"not yet"


def test_what_cannot_be_forgotten_stays(caplog):
    a_run("1-1-1")
    (out_of("1-1-1").parent / "elsewhere").write_bytes(b"x" * MEGABYTE)
    out_of("1-1-1").symlink_to("elsewhere")  # no file of ours
    caplog.set_level("DEBUG")

    spool.forget_output("1-1-1", MEGABYTE)

    assert out_of("1-1-1").read_bytes() == b"x" * MEGABYTE
    assert "the output of run 1-1-1 stays on disk: " in caplog.text
