"""What `make test` runs: all tests on SQLite, then on a private PostgreSQL and Redis all that ask for a database, then
what was left out.

REQUIRE_ALL=1 makes a failure of everything that is left out. Arguments are passed on to pytest in both runs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests import servers
from tests.machine import chromium, docker_registry, install_verdaccio, postgres_programs, redis_program, verdaccio

ROOT = Path(__file__).resolve().parent.parent
ON_SQLITE = "not services"
ON_POSTGRES = "not embedded and not journey"
WHERE_IT_COUNTS = "--where-the-database-counts"
NO_TESTS = 5  # pytest's exit status when nothing was selected
PROCESSES = "3"  # on two cores: many tests wait for processes of their own


def main(arguments: Sequence[str]) -> int:
    """Run everything that this machine can run; the exit status is the worst of the runs."""
    servers.stop_on_sigterm()
    left_out: list[str] = []
    marks = ON_SQLITE
    if chromium() is None:
        marks += " and not journey"
        left_out.append("The tests in a real browser: there is no chromium in PATH (apt-get install chromium).")
    if os.geteuid() != 0:
        left_out.append("The tests that need the rights of root: scripts that run as another user, a full disk.")
    left_out += _missing_feeds()
    statuses = [_pytest("SQLite, as on a bare machine", marks, arguments, {})]
    missing = _missing_servers()
    if missing:
        left_out.append(f"All tests on PostgreSQL and Redis: {' and '.join(missing)}.")
    else:
        statuses.append(_on_private_servers(arguments))
    return _sum_up(statuses, left_out)


def _missing_feeds() -> list[str]:
    """What `tests/conftest.py` leaves out because of it."""
    missing = []
    if docker_registry() is None:
        missing.append(
            "The tests with a real registry of containers: there is no docker-registry in PATH"
            " (apt-get install docker-registry)."
        )
    install_verdaccio()
    if verdaccio() is None:
        missing.append(
            "The tests with a real npm registry: there is no Node with npm (apt-get install nodejs npm), or npm could not"
            " install verdaccio."
        )
    return missing


def _missing_servers() -> list[str]:
    missing = []
    if postgres_programs() is None:
        missing.append("there is no PostgreSQL server installed (apt-get install postgresql)")
    if redis_program() is None:
        missing.append("there is no Redis or Valkey server installed (apt-get install redis-server)")
    return missing


def _on_private_servers(arguments: Sequence[str]) -> int:
    try:
        with servers.both() as variables:
            return _pytest("PostgreSQL and Redis", ON_POSTGRES, [WHERE_IT_COUNTS, *arguments], variables)
    except servers.CannotStart as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1


def _pytest(title: str, marks: str, arguments: Sequence[str], variables: dict[str, str]) -> int:
    sys.stdout.write(f"\n== {title}\n")
    sys.stdout.flush()
    own = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "CELERY_BROKER_URL")}
    spread = ["-n", PROCESSES, "--dist", "worksteal"]  # the longest tests come last
    command = [sys.executable, "-m", "pytest", "--ds=tests.settings", *spread, "-m", marks, *arguments]
    began = time.monotonic()
    status = subprocess.run(command, cwd=ROOT, env=own | variables, check=False).returncode
    sys.stdout.write(f"== {title}: {time.monotonic() - began:.0f} s\n")
    return status


def _sum_up(statuses: list[int], left_out: list[str]) -> int:
    """Print what was left out. A run in which the caller's own selection left nothing is none, unless all were so."""
    if left_out:
        sys.stdout.write("\nLeft out:\n" + "".join(f"* {sentence}\n" for sentence in left_out))
    else:
        sys.stdout.write("\nNothing was left out.\n")
    ran = [status for status in statuses if status != NO_TESTS]
    worst = max(ran, key=abs, default=NO_TESTS)
    if worst == 0 and left_out and os.environ.get("REQUIRE_ALL") == "1":
        sys.stdout.write("REQUIRE_ALL=1: that is a failure.\n")
        return 1
    return abs(worst)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
