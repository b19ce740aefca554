"""Output is read while it grows, in order and completely, whatever the script does to the file it is written to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deployments import spool
from deployments.models import Status
from deployments.output import Output
from tests.deployments.scripts import asked_for, carried_out, output_of

LONG = b"".join(b"line %d\n" % number for number in range(100))


@pytest.fixture
def run() -> Path:
    """A run that has printed nothing."""
    spool.prepare("1-1-1")
    (spool.directory("1-1-1") / "out").touch()
    return spool.directory("1-1-1")


@pytest.fixture
def prints(run: Path) -> Callable[[bytes], None]:
    """What the script does when it prints."""

    def append(data: bytes) -> None:
        with (run / "out").open("ab") as file:
            file.write(data)

    return append


def test_what_is_printed_is_read_once_and_in_order(run, prints):
    with Output(run, 0) as output:
        prints(b"a" * 100)
        read = [output.read(70), output.read(70), output.read(70)]
        prints(b"b")
        read += [output.read(70), output.read(70)]

    assert read == [b"a" * 70, b"a" * 30, b"", b"b", b""]
    assert output.emptied is False


def test_a_successor_reads_on_where_another_has_stopped(run, prints):
    prints(LONG)

    with Output(run, 300) as output:
        assert output.read() == LONG[300:]


@pytest.mark.parametrize("then", [b"short\n", LONG[:-1] + b"!" + LONG], ids=["shorter", "longer than before"])
def test_what_is_printed_into_an_emptied_file_is_read_from_its_beginning(run, prints, then):
    prints(LONG)
    with Output(run, 0) as output:
        output.read()
        (run / "out").write_bytes(then)

        assert (output.read(), output.read()) == (then, b"")
        assert output.emptied is True


def test_positions_go_on_counting_over_an_emptied_file(run, prints):
    prints(LONG)
    with Output(run, 0) as output:
        output.read()
        (run / "out").write_bytes(b"one\n")
        output.read()
    prints(b"two\n")

    with Output(run, len(LONG) + len(b"one\n")) as successor:
        assert successor.read() == b"two\n"


def test_a_file_that_was_emptied_while_nobody_read_is_read_from_its_beginning(run, prints):
    prints(b"one\n")

    with Output(run, 1000) as successor:
        assert successor.read() == b"one\n"


def test_what_is_forgotten_is_not_taken_for_emptied(run, prints):
    prints(b"x" * 100_000)
    with Output(run, 0) as output:
        output.read()

        spool.forget_output("1-1-1", 100_000)

        prints(b"more")
        assert (output.read(), output.emptied) == (b"more", False)


def test_forgetting_counts_from_where_an_emptied_file_begins(run, prints):
    prints(LONG * 100)
    with Output(run, 0) as output:
        output.read()
        (run / "out").write_bytes(LONG * 20)
        output.read(1)

    spool.forget_output("1-1-1", len(LONG * 100) + 1)

    assert (run / "out").read_bytes() == LONG * 20


def test_a_script_that_opens_its_output_anew_loses_nothing_that_it_prints_later(db):
    again = (
        "seq 5; sleep 0.2; echo again >/dev/stderr; sleep 0.2"  # the file is shorter then than it was when it was read
    )
    script = f'until [ -e "$HOME/../dropped" ]; do {again}; done; seq 6 8'

    deployment = carried_out(asked_for(script))

    lines = output_of(deployment).splitlines()[1:]
    assert deployment.status == Status.SUCCEEDED
    assert lines[-3:] == ["6", "7", "8"]
    assert set(lines[:-3]) <= {"1", "2", "3", "4", "5", "again"}
