"""What one script may use at most. The shell around it sets the limits on its child, which costs no process and never
limits that shell itself."""

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from functools import cache

SHELL = "/bin/sh"
UNSET = 125  # exit status of a run that was not started because a limit could not be set

# From the name of a setting to the commands that set it. POSIX counts files in blocks of 512 bytes; memory is counted
# in KiB by every shell. dash knows the number of processes as -p, bash as -u. Past its CPU seconds a process is first
# sent SIGXCPU, whose name says what happened, and killed only if it goes on.
COMMANDS: Mapping[str, Callable[[int], str]] = {
    "RUN_CPU_SECONDS": lambda value: f"ulimit -S -t {value} && ulimit -H -t {value + 5}",
    "RUN_MEMORY_BYTES": lambda value: f"ulimit -v {value // 1024}",
    "RUN_OPEN_FILES": lambda value: f"ulimit -n {value}",
    "RUN_PROCESSES": lambda value: f"ulimit -u {value} || ulimit -p {value}",
    "RUN_FILE_BYTES": lambda value: f"ulimit -f {value // 512}",
}


class LimitRefused(Exception):
    """Raised when a limit cannot be set; carries a sentence for people."""


def as_shell(limits: Mapping[str, int]) -> str:
    """Shell commands that set these limits (setting → value, 0: none) or say which one is refused and exit."""
    return "".join(_set_or_say(name, limits[name]) for name in COMMANDS if limits.get(name))


def refusal(limits: Mapping[str, int], *, as_root: bool) -> str | None:
    """Why scripts cannot be given these limits here, in a sentence. The shell is asked, which knows best.

    as_root  scripts run as root
    """
    if limits.get("RUN_PROCESSES") and as_root:
        return "RUN_PROCESSES means nothing to root: name another user in RUN_AS_USER, or remove RUN_PROCESSES."
    try:
        if commands := as_shell(limits):
            _try_out(commands)
    except LimitRefused as refused:
        return str(refused)
    return None


@cache  # what has been possible once; a refusal is not remembered
def _try_out(commands: str) -> None:
    tried = subprocess.run([SHELL, "-c", commands], env={}, cwd=os.sep, capture_output=True, text=True, check=False)
    if tried.returncode:
        raise LimitRefused(tried.stdout.strip() or f"{SHELL} failed: {tried.stderr.strip()}")


def _set_or_say(name: str, value: int) -> str:
    sentence = (
        f"{name} is {value}, and that limit cannot be set on this machine: it allows less or knows no such limit."
        " Change or remove the setting; nothing was started."
    )
    return f"{{ {COMMANDS[name](value)}; }} 2>/dev/null || {{ echo {shlex.quote(sentence)}; exit {UNSET}; }}\n"
