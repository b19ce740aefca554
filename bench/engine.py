"""The bench of the engine: what a deployment costs beside a plain shell loop that does the same work.

    python -m bench.engine                                        everything
    python -m bench.engine --only trivial,train --rounds 3        some of it, shorter
    python -m bench.engine --on embedded                          only this setup

Every figure is measured in the same run as its floor, in turn with it, and the medians are compared. The last lines
are JSON, one per figure. What each means is in docs/benchmarks.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from bench import buildbot
from bench.figures import BROKE_OFF, Figure, broken_off, line_of, table_of
from tests import servers

ROOT = Path(__file__).resolve().parent.parent
GROUPS = ("resting", "trivial", "train", "sleeping", "logs")  # of figures, in the order in which they are measured
BESIDE = "buildbot"  # measured once, not for each setup
EVERYTHING = (*GROUPS, BESIDE)
SETUPS = {"embedded": "SQLite and the bundled broker", "services": "PostgreSQL and Redis"}
ROUNDS = 5
INSIDE = (sys.executable, "-m", "bench.inside")
COOKIE = "SIGNALBOX_RUN"  # in the environment of every script of a worker
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


class DurablePostgres(servers.Postgres):
    """With PostgreSQL's own defaults: the tests' server is faster than one that people may trust."""

    settings = servers.Postgres.settings | {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    servers.stop_on_sigterm()
    figures: list[Figure] = []
    chosen = given.only.split(",")
    groups = [group for group in GROUPS if group in chosen]
    for name in given.on.split(",") if groups else ():
        _say(f"{SETUPS[name]}:")
        try:
            figures += _measured(name, groups, given.rounds)
        except (servers.CannotStart, subprocess.CalledProcessError) as error:
            figures.append(broken_off(name, error))
    if BESIDE in chosen:
        figures += _beside(figures, given.rounds)
    print(table_of(figures))
    for figure in figures:
        print(line_of(figure))
    return int(any(figure.note.startswith(BROKE_OFF) for figure in figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description="What a deployment costs.")
    parser.add_argument("--only", default=",".join(EVERYTHING), help=f"groups of figures (all: {','.join(EVERYTHING)})")
    parser.add_argument("--on", default=",".join(SETUPS), help=f"setups (all: {','.join(SETUPS)})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of floor and engine in turn (default: {ROUNDS})")
    return parser


def _measured(name: str, groups: Sequence[str], rounds: int) -> list[Figure]:
    """The figures of this setup, on servers and in a data directory of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="signalbox-bench-", ignore_cleanup_errors=True) as home,
        _servers(name) as addresses,
    ):
        into = Path(home) / "figures"
        what = ["--only", ",".join(groups), "--rounds", str(rounds), "--into", str(into)]
        settings = {
            "DATA_DIR": f"{home}/data",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "EXAMPLE": "no",
            "PORT": str(servers.free_port()),
        }
        inherited = {word: os.environ[word] for word in PASSED_ON if word in os.environ}
        try:
            subprocess.run([*INSIDE, name, *what], cwd=ROOT, env=inherited | settings | addresses, check=True)
        finally:
            _end_scripts(home)
        return [Figure(**json.loads(line)) for line in into.read_text(encoding="utf-8").splitlines()]


def _end_scripts(home: str) -> None:
    """Scripts outlive their worker, by design; those of a bench that was broken off would wait for ever."""
    for pid in psutil.pids():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.environ().get(COOKIE, "").startswith(f"{home}/"):
                process.kill()


@contextmanager
def _servers(name: str) -> Iterator[dict[str, str]]:
    """The addresses of the setup's own servers, where it has any."""
    if name == "embedded":
        yield {}
        return
    with servers.both(DurablePostgres) as addresses:
        yield addresses


def _beside(figures: Sequence[Figure], rounds: int) -> list[Figure]:
    """Buildbot against the train of the embedded setup, or of the other where only that was measured."""
    ours = {figure.name: figure.value for figure in figures}
    totals = [ours[name] for setup in SETUPS if (name := f"{setup}.train.total") in ours]
    _say("Buildbot:")
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-", ignore_cleanup_errors=True) as home:
        return buildbot.measure(Path(home), rounds, totals[0] if totals else None)


def _say(words: str) -> None:
    """Progress: not among the results."""
    sys.stderr.write(f"{words}\n")


if __name__ == "__main__":
    sys.exit(main())
