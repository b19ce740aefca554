"""A part that keeps dying is started less and less often, and its log does not grow for ever."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from portal import children
from portal.children import Child


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """A part that does nothing for a long time."""
    child = a_child(tmp_path, "import time; time.sleep(600)")
    yield child
    child.kill()


def a_child(directory: Path, program: str) -> Child:
    return Child(
        name="part",
        title="The part",
        command=[sys.executable, "-c", program],
        environment=dict(os.environ),
        log=directory / "part.log",
        directory=directory,
    )


def test_the_pause_doubles_with_every_failure(child: Child) -> None:
    now = time.monotonic()
    child.started_at = now

    pauses = [child.plan_restart(now) for _ in range(9)]

    assert pauses == pytest.approx([0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30])


def test_a_part_that_ran_well_for_a_while_is_started_again_at_once(child: Child) -> None:
    child.failures = 7
    child.started_at = 0

    assert child.plan_restart(children.STEADY_SECONDS + 1) == children.FIRST_PAUSE


def test_what_a_part_prints_is_in_its_log(tmp_path: Path) -> None:
    child = a_child(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")

    child.start()

    assert child.process is not None
    child.process.wait(20)
    assert sorted(child.last_words()) == ["err", "out"]
    assert child.how_it_ended() == "ended with status 3"
    assert not child.was_killed()


def test_a_part_reads_nothing_from_the_terminal(tmp_path: Path) -> None:
    child = a_child(tmp_path, "import sys; print(repr(sys.stdin.read()))")

    child.start()

    assert child.process is not None
    child.process.wait(20)
    assert child.last_words() == ["''"]


def test_killing_a_part_takes_its_own_processes_with_it(tmp_path: Path) -> None:
    child = a_child(tmp_path, "import subprocess; subprocess.run(['sleep', '600'])")
    child.start()
    assert child.process is not None
    part = psutil.Process(child.process.pid)
    while not (below := part.children()):
        time.sleep(0.01)

    child.kill()

    assert psutil.wait_procs(below, timeout=10)[1] == []


def test_killing_a_part_spares_what_has_a_session_of_its_own(tmp_path: Path) -> None:
    child = a_child(tmp_path, "import subprocess; subprocess.run(['sleep', '600'], start_new_session=True)")
    child.start()
    assert child.process is not None
    part = psutil.Process(child.process.pid)
    while not (below := part.children()):
        time.sleep(0.01)

    child.kill()

    (script,) = below
    assert script.is_running()
    script.kill()


def test_a_long_log_is_put_aside_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOG_MAX_BYTES", 10)
    log = tmp_path / "part.log"
    log.write_text("a long story")

    children.rotate(log)

    assert not log.exists()
    assert (tmp_path / "part.log.1").read_text() == "a long story"
