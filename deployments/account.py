"""Run scripts as another user, where the worker is root and RUN_AS_USER names one.

Only the script becomes that user. The shell around it, which notes its end, stays root, so that a script can neither
kill it nor forge what it writes.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from deployments.limits import SHELL

# Until the script's user has taken over, its variables bear names that mean nothing to any program: LD_PRELOAD and its
# like would otherwise give whoever may write a variable the rights of root.
VEILED = "SIGNALBOX_VEILED_"
CANNOT_ENTER = 77  # exit status


class AccountRefused(Exception):
    """Raised when scripts cannot be run as the wanted user; carries a sentence for people."""


def becoming(user: str, environment: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """What comes before a command so that it runs as `user`, and the environment in which that has to be started.

    Not `subprocess.Popen(user=…)`: it gives up the cheap vfork, and the shell around the script would not stay root.
    """
    account = pwd.getpwnam(user)
    own = {**environment, "USER": user, "LOGNAME": user}
    unveil = "".join(f'export {name}="${VEILED}{name}"; unset {VEILED}{name}; ' for name in own)
    change = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--init-groups", "--inh-caps=-all"]
    command = [_setpriv(), *change, "--", SHELL, "-c", f'{unveil}exec "$@"', SHELL]
    return command, {f"{VEILED}{name}": value for name, value in own.items()}


def give(user: str, *paths: Path) -> None:
    """Make these, and everything in them, belong to `user`. Only for what no script has touched yet."""
    account = pwd.getpwnam(user)
    for path in paths:
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
        for _, directories, files, descriptor in os.fwalk(path):
            for name in (*directories, *files):
                os.chown(name, account.pw_uid, account.pw_gid, dir_fd=descriptor, follow_symlinks=False)


def exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def of_scripts_is_root(user: str) -> bool:
    """Whether scripts have the rights of root, `user` being RUN_AS_USER."""
    return os.geteuid() == 0 and not user


def refusal(user: str, spool: Path) -> str | None:
    """Why scripts cannot be run as `user` (empty: as the worker itself) below this directory, in a sentence. It is
    tried out, and the directory is made where it is missing."""
    if not user:
        return None
    if os.geteuid() != 0:
        return (
            f"RUN_AS_USER is “{user}”, and only root may run scripts as somebody else: start the worker as root, or"
            " remove RUN_AS_USER."
        )
    if not exists(user):
        return f"RUN_AS_USER is “{user}”, and this machine knows no user of that name."
    if pwd.getpwnam(user).pw_uid == 0:
        return f"RUN_AS_USER is “{user}”, which is root itself: name another user, or remove RUN_AS_USER."
    runs = spool / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    for path in (spool, runs):
        path.chmod(0o711)  # the user passes through to what is its own, and sees nothing else
    try:
        _try_out(user, runs)
    except AccountRefused as refused:
        return str(refused)
    return None


@cache  # what has been possible once; a refusal is not remembered
def _try_out(user: str, directory: Path) -> None:
    if not _setpriv():
        raise AccountRefused("RUN_AS_USER needs the program setpriv, which is not installed; it comes with util-linux.")
    command, environment = becoming(user, {})
    enter = [*command, SHELL, "-c", f'cd "$0" 2>/dev/null || exit {CANNOT_ENTER}', str(directory)]
    tried = subprocess.run(enter, env=environment, cwd=os.sep, capture_output=True, text=True, check=False)
    if tried.returncode == CANNOT_ENTER:
        raise AccountRefused(
            f"RUN_AS_USER is “{user}”, who cannot enter {directory}: set SPOOL_DIR to a directory outside of DATA_DIR"
            " that this user may enter, such as /var/spool/signalbox."
        )
    if tried.returncode:
        raise AccountRefused(f"Nothing can be run as “{user}”, whom RUN_AS_USER names: {tried.stderr.strip()}.")


def _setpriv() -> str:
    """Its path, found where root's programs are, whatever PATH says; empty when it is not installed."""
    return shutil.which("setpriv", path="/usr/sbin:/usr/bin:/sbin:/bin") or ""
