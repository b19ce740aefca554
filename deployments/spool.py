"""Durable runs: a script outlives its worker, and whoever comes after learns what became of it.

Each run has a private directory. A tiny shell, in a session of its own, marks the start, runs the script with its
output going to a file, and writes down the exit status. The mark is created exclusively, so that of the worker that
starts a run and a successor that gives it up exactly one wins: a run starts at most once.

    spool/runs/NAME/    work, home, tmp: the script's own; started, pid, out, status: ours
    spool/kept/         failed runs that somebody may want to look at
    spool/removing/     what the janitor is about to remove
    spool/owners/       the lock files of this host's workers
"""

import contextlib
import fcntl
import logging
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
from django.conf import settings

from deployments import account, holes, janitor, limits
from deployments.output import Output, blocks_before, dropped

log = logging.getLogger(__name__)
# In the environment of everything that a run starts, so that escaped processes are found. It says the run's directory,
# not only its name: other installations on the same machine have runs of the same names.
COOKIE = "SIGNALBOX_RUN"
NAME = re.compile(r"(\d+)-(\d+)-(\d+)")

PARTS = ("work", "home", "tmp")  # of a run's directory: the script's own

# $0: the run's directory; the rest: the command. No external programs, so that it costs two processes in all, and no
# variables, which could be exported ones of the script. The limits and the umask are set here because a preexec
# function would forbid the cheap vfork.
SHIM = r"""
umask 077; set -C; {{ true >"$0/started"; }} 2>/dev/null || exit 125
set +C; echo $$ >"$0/pid"; umask 022; ulimit -c 0; cd "$0/work" || exit 126
{command} </dev/null >>"$0/out" 2>&1
echo $? >"$0/status"
"""
COMMAND = '"$@"'
LIMITED = '(\n{limits}exec "$@")'  # behind the fork, so that no limit keeps the shell from noting the end


def name_of(deployment: int, attempt: int, position: int) -> str:
    return f"{deployment}-{attempt}-{position}"


def directory(name: str) -> Path:
    return _runs() / name


def prepare(name: str) -> Path:
    """Make the run's private directory (0700) and return where its package is unpacked to."""
    run = directory(name)
    run.mkdir(parents=True, mode=0o700)
    for part in PARTS:
        (run / part).mkdir(mode=0o700)
    return run / "work"


def refusal() -> str | None:
    """Why no script can be run here as the settings ask for, in a sentence: limits, RUN_AS_USER."""
    user = settings.RUN_AS_USER
    as_root = account.of_scripts_is_root(user)
    return limits.refusal(settings.RUN_LIMITS, as_root=as_root) or account.refusal(user, _spool())


def introduce(name: str, line: str) -> None:
    """Put a line of ours before what the run is going to print, where every worker that follows it finds it."""
    (directory(name) / "out").write_text(f"{line}\n", encoding="utf-8")


def entrust(name: str) -> None:
    """Once its package is unpacked, give the run's own directories to RUN_AS_USER; without one there is nothing to do.

    Our files beside them stay ours, but for the output: scripts open it anew as /dev/stdout and /dev/stderr.
    """
    if user := settings.RUN_AS_USER:
        run = directory(name)
        (run / "out").touch(mode=0o600)
        account.give(user, run / "out", *(run / part for part in PARTS))
        run.chmod(0o711)


def start(name: str, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the command in the run's `work` directory: own session, stdin closed, nothing of our environment, and
    confined as the settings say."""
    run = directory(name)
    cookie = {COOKIE: str(run)}
    given = {**environment, "HOME": str(run / "home"), "TMPDIR": str(run / "tmp"), **cookie}
    becoming: list[str] = []
    if user := settings.RUN_AS_USER:
        becoming, given = account.becoming(user, given)
    return subprocess.Popen(
        [limits.SHELL, "-c", _shim(), str(run), *becoming, *command],
        env={**given, **cookie},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def _shim() -> str:
    commands = limits.as_shell(settings.RUN_LIMITS)
    return SHIM.format(command=LIMITED.format(limits=commands) if commands else COMMAND)


def seal(name: str) -> bool:
    """Make sure that a run which has not started never will. False: it has started."""
    run = directory(name)
    run.mkdir(parents=True, mode=0o700, exist_ok=True)
    try:
        os.close(os.open(run / "started", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


def exit_status(name: str) -> int | None:
    """What the script came to, or None when that is not (yet) known. 128 + n: ended by signal n (POSIX shell)."""
    try:
        text = (directory(name) / "status").read_text()
    except OSError:
        return None
    return int(text) if text.endswith("\n") else None


def output(name: str, position: int) -> Output | None:
    """The run's output, opened behind the first `position` bytes; None when nothing has been printed yet."""
    try:
        return Output(directory(name), position)
    except FileNotFoundError:
        return None


def printed(name: str) -> int:
    """How many bytes the run has printed so far."""
    run = directory(name)
    try:
        return (run / "out").stat().st_size + dropped(run)
    except FileNotFoundError:
        return 0


def forget_output(name: str, up_to: int) -> None:
    """Give back the disk space of the run's first `up_to` bytes of output, in whole blocks: they are stored elsewhere.

    The script writes on undisturbed, and all positions stay as they are. Where the file system cannot do that, the
    output stays until the run is removed.
    """
    run = directory(name)
    length = blocks_before(run, up_to)
    if not length:
        return
    try:
        holes.punch(run / "out", length)
    except OSError as error:
        log.debug("the output of run %s stays on disk: %s", name, error)


def pid_of(name: str, patience: float = 1.0) -> int | None:
    """The process that runs the script, if it lives: the number may have gone to another process since."""
    end = time.monotonic() + patience
    while True:
        try:
            pid = int((directory(name) / "pid").read_text())
        except (OSError, ValueError):
            if time.monotonic() > end:
                return None
            time.sleep(0.05)  # it writes its number right after the mark
            continue
        return pid if is_alive(pid, name) else None


def is_alive(pid: int, name: str) -> bool:
    """Whether this process still is the one that runs this run: its command line names the directory."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and str(directory(name)) in process.cmdline()
    except psutil.Error:
        return False


def processes(name: str, session: int | None) -> list[psutil.Process]:
    """Everything that the run started and that lives: its session, and whatever left it but carries the cookie."""
    found = []
    for pid in psutil.pids():  # not process_iter, which may remember an earlier process of the same number
        with contextlib.suppress(psutil.Error, OSError):
            process = psutil.Process(pid)
            if _belongs(process, name, session):
                found.append(process)
    return found


def kill(name: str, session: int | None, grace: float) -> None:
    """SIGTERM to everything that the run started, SIGKILL to what lives after `grace` seconds. No grandchild survives.

    Each is asked once, so that a script's own handler can clear up in peace. The shell that notes the exit status goes
    last, so that it still can.
    """
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 2.0)):
        end, told = time.monotonic() + patience, set[psutil.Process]()
        while living := processes(name, session):
            others = [process for process in living if process.pid != session]
            for process in set(others or living) - told:
                told.add(process)
                with contextlib.suppress(psutil.Error):  # gone, or somebody else's by sudo
                    process.send_signal(number)
            if time.monotonic() > end:
                break
            time.sleep(0.1)
        else:
            return


def remove(name: str) -> None:
    """The run is over: its directory is gone at once, and what was in it soon."""
    janitor.discard(directory(name), _removing())


def set_aside(name: str) -> None:
    """The run has failed: keep its directory where KEEP_FAILED_RUNS and KEEP_FAILED_BYTES leave room, or remove it."""
    if not settings.KEEP_FAILED_RUNS:
        remove(name)
        return
    janitor.discard(_kept() / name, _removing())  # of an earlier installation
    janitor.keep(directory(name), _kept())
    _trim()


def kept() -> list[Path]:
    """The directories of failed runs that were set aside, the newest first."""
    return janitor.newest_first(_kept())


def clear_leftovers() -> None:
    """Remove soon what an earlier worker of this host did not get to, and what is kept beyond the settings."""
    janitor.empty(_removing())
    _trim()


def _trim() -> None:
    most, most_bytes = settings.KEEP_FAILED_RUNS, settings.KEEP_FAILED_BYTES
    janitor.trim(_kept(), _removing(), most=most, most_bytes=most_bytes)


def age(name: str) -> float:
    """How many seconds ago the run's directory was last changed; 0 when it is gone."""
    try:
        return time.time() - directory(name).stat().st_mtime
    except FileNotFoundError:
        return 0.0


def known() -> Iterator[tuple[str, int, int, int]]:
    """Every run with a directory on this host: name, deployment, attempt, position."""
    with contextlib.suppress(FileNotFoundError):
        for path in _runs().iterdir():
            if match := NAME.fullmatch(path.name):
                yield path.name, int(match[1]), int(match[2]), int(match[3])


def _belongs(process: psutil.Process, name: str, session: int | None) -> bool:
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    if session is not None and os.getsid(process.pid) == session:
        return True
    return process.environ().get(COOKIE) == str(directory(name))


# -- who owns runs on this host ---------------------------------------------------------------------------------------


class Ownership:
    """This worker's lock file. The kernel releases it when the process dies, however that happens, so that a successor
    on the same host knows at once, without waiting for a lease."""

    def __init__(self) -> None:
        self.name = f"{settings.WORKER_HOST}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
        _owners().mkdir(parents=True, exist_ok=True, mode=0o700)
        self._held: int | None = os.open(_lock_file(self.name), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Let go, as a worker does when it ends: whoever asks is told that it is gone. Safe to call again."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


def is_dead(owner: str) -> bool:
    """Whether the worker of this name is proven dead. Ask only about workers of this host."""
    try:
        with _lock_file(owner).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def forget_dead_owners(older_than: float) -> None:
    """Remove the lock files of dead workers that were made more than `older_than` seconds ago."""
    for path in _owners().iterdir():
        if is_dead(path.name) and time.time() - path.stat().st_mtime > older_than:
            path.unlink(missing_ok=True)


def place() -> str:
    """Which start of which machine this is (Linux tells), and which spool directory.

    Only for a run of this very place a missing mark proves that it never started: after a power failure the mark may
    not have reached the disk, and in another directory it never was.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    return f"{boot}:{_identity()}"


def _identity() -> str:
    """A name for this spool directory, made at random when it is first used."""
    path = _spool() / "identity"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f"identity.{uuid.uuid4().hex}")
    new.write_text(uuid.uuid4().hex[:16])
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(new)  # complete from the first moment, and only one can be first
    new.unlink()
    return path.read_text()


def _owners() -> Path:
    return _spool() / "owners"


def _lock_file(owner: str) -> Path:
    return _owners() / owner.replace("/", "_")


def _spool() -> Path:
    spool: Path = settings.SPOOL_DIR
    return spool.absolute()


def _runs() -> Path:
    return _spool() / "runs"


def _kept() -> Path:
    return _spool() / "kept"


def _removing() -> Path:
    return _spool() / "removing"
