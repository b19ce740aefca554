"""The bench of the registry: pushes and downloads beside devpi-server, pypiserver and Debian's docker-registry, and
beside what writing and hashing the same bytes takes.

    python -m bench.registry                                everything
    python -m bench.registry --only small,large --rounds 1  some of it, shorter
    python -m bench.registry --quick --skip-peers           little of it, for trying

Everybody is measured in the same run, in turn, and the medians are compared. The last lines are JSON, one per figure.
What each means is in docs/benchmarks.md.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import django

from bench import payloads, peers
from bench.contenders import LARGE, LOADS, PARALLEL, SMALL, Contender, Load
from bench.figures import BROKE_OFF, Figure, line_of, table_of
from bench.scratch import CannotCompare
from bench.standings import figures_of
from tests import servers

ROUNDS = 2
MB = 1000_000
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
Programs = Mapping[str, Path | CannotCompare]


@dataclass(frozen=True)
class Extent:
    """How much is pushed in each round: small packages by one client and by each of several, and the size of the large."""

    one_client: int
    each_of_several: int
    large: int
    clients: int = 8


FULL = Extent(one_client=200, each_of_several=25, large=1000 * MB)
QUICK = Extent(one_client=20, each_of_several=3, large=50 * MB)


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    servers.stop_on_sigterm()
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-", ignore_cleanup_errors=True) as home:
        programs = {} if given.skip_peers else _fetched(Path(home))
        _describe(Path(home))
        figures = _measured(Path(home), programs, given)
    print(table_of(figures))
    for figure in figures:
        print(line_of(figure))
    return int(any(figure.note.startswith(BROKE_OFF) for figure in figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.registry", description="What pushes and downloads cost.")
    parser.add_argument("--only", type=_known, default=LOADS, help=f"kinds of load (all: {','.join(LOADS)})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of everybody in turn (default: {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="few and small packages, for trying")
    parser.add_argument("--skip-peers", action="store_true", help="only Signalbox and the floor")
    return parser


def _known(words: str) -> tuple[str, ...]:
    chosen = tuple(name for name in LOADS if name in words.split(","))
    if not chosen or not set(words.split(",")) <= set(LOADS):
        raise argparse.ArgumentTypeError(f"choose from {', '.join(LOADS)}")
    return chosen


def _describe(home: Path) -> None:
    """Settings of an installation of the bench's own, whatever the environment says."""
    data = home / "data"
    inherited = {word: os.environ[word] for word in PASSED_ON if word in os.environ}
    os.environ.clear()
    os.environ |= inherited | {
        "DATA_DIR": str(data),
        "PACKAGES_DIR": str(data / "packages"),
        "DATABASE_URL": f"sqlite:///{data}/signalbox.sqlite3",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "EXAMPLE": "no",
        "PORT": str(servers.free_port()),
    }
    django.setup()


def _fetched(home: Path) -> Programs:
    sys.stderr.write("Fetching the peers …\n")
    return peers.fetched(home)


def _measured(home: Path, programs: Programs, given: argparse.Namespace) -> list[Figure]:
    from bench import contest  # noqa: PLC0415 - models are not loaded before Django is set up

    figures = []
    extent = QUICK if given.quick else FULL
    with _everybody(home, programs) as (contenders, missing), payloads.large(home / "large", extent.large) as large:
        broken = contest.warm_up(contenders)
        ready = [contender for contender in contenders if contender.name not in broken]
        missing |= {name: f"{failure!r}" for name, failure in broken.items()}
        for load in _loads(extent, large):
            if load.name in given.only:
                began = time.perf_counter()
                figures += figures_of(load, contest.scores_of(load, ready, given.rounds, home), missing)
                sys.stderr.write(f"  {load.name} took {time.perf_counter() - began:.0f} s\n")
    return figures


@contextmanager
def _everybody(home: Path, programs: Programs) -> Iterator[tuple[list[Contender], dict[str, str]]]:
    """All that could be started, and why the others could not; they are ended on leaving."""
    from bench import ourselves  # noqa: PLC0415 - as above
    from bench.installation import Installation  # noqa: PLC0415

    with ExitStack() as ending:
        ours = ourselves.contenders(ending.enter_context(Installation()))
        others, missing = ending.enter_context(peers.running(home, programs))
        yield [*ours, *others], missing


def _loads(extent: Extent, large: payloads.Large) -> list[Load]:
    def several(load: str, clients: int, count: int) -> Load:
        return Load(load, clients, partial(_small, load, clients, count))

    return [
        several(SMALL, 1, extent.one_client),
        several(PARALLEL, extent.clients, extent.each_of_several),
        Load(LARGE, 1, partial(_large, large), megabytes=extent.large / MB),
    ]


def _small(load: str, clients: int, count: int, contender: str, number: int) -> list[list[payloads.Payload]]:
    """What each client pushes in this round: versions of a package of its own."""
    return [payloads.small(f"{load}-{contender}-{client}", number, count, MB) for client in range(clients)]


def _large(large: payloads.Large, contender: str, number: int) -> list[list[payloads.Payload]]:
    return [[large.version(f"large-{contender}", f"{number}.0.0")]]


if __name__ == "__main__":
    sys.exit(main())
