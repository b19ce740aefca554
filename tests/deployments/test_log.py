"""The log: what a script prints is stored in chunks and read back as lines, however it was cut."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deployments import log
from deployments.models import Deployment, LogChunk, Status, StepRun, move
from tests.deployments.rows import a_row

pytestmark = pytest.mark.django_db


def a_run(deployment: Deployment | None = None, attempt: int = 1, position: int = 1) -> StepRun:
    deployment = deployment or a_row(Status.RUNNING)
    return deployment.step_runs.create(attempt=attempt, position=position, name=f"Step {position}")


def printed(run: StepRun, *pieces: bytes, secrets: tuple[str, ...] = (), last: bool = True) -> log.Writer:
    """The script prints these pieces, and each is stored at once."""
    writer = log.Writer(run, secrets)
    for piece in pieces:
        writer.take(piece)
        writer.flush()
    if last:
        writer.take(b"", last=True)
        writer.flush()
    return writer


def over(run: StepRun) -> Deployment:
    """The script is gone and its deployment has ended."""
    StepRun.objects.filter(pk=run.pk).update(finished_at=timezone.now())
    move(run.deployment_id, Status.SUCCEEDED, finished_at=timezone.now())
    return Deployment.objects.get(pk=run.deployment_id)


def texts(page: log.LogPage) -> list[str]:
    return [line.text for line in page.lines]


def whole(deployment: Deployment) -> str:
    return "".join(log.text_of(deployment))


def paged(deployment: Deployment, limit: int) -> list[log.LogLine]:
    """Everything, asked for page by page until the log says that it has ended."""
    lines: list[log.LogLine] = []
    page = log.read(deployment, limit=limit)
    while True:
        lines += page.lines
        if page.ended:
            return lines
        page = log.read(deployment, after=page.next, limit=limit)


# -- lines ------------------------------------------------------------------------------------------------------------


def test_lines_come_back_as_they_were_printed():
    run = a_run()

    printed(run, b"one\ntwo\n\nfour\n")

    page = log.read(run.deployment)
    assert [(line.number, line.text) for line in page.lines] == [(1, "one"), (2, "two"), (3, ""), (4, "four")]
    assert {(line.step, line.attempt) for line in page.lines} == {("Step 1", 1)}
    assert page.next == 4


def test_a_line_that_goes_through_several_chunks_comes_back_whole():
    run = a_run()

    printed(run, b"one\ntw", b"o", b"o\nthree\n")

    assert run.chunks.count() == 3
    assert texts(log.read(run.deployment)) == ["one", "twoo", "three"]


@pytest.mark.parametrize("after", range(5))
def test_reading_goes_on_in_the_middle_of_a_chunk(after):
    run = a_run()

    printed(run, b"one\ntwo\nth", b"ree\nfour\n")

    assert texts(log.read(run.deployment, after=after)) == ["one", "two", "three", "four"][after:]


def test_a_chunk_that_begins_a_line_is_found():
    run = a_run()

    printed(run, b"one\n", b"two\n", b"three\n")

    assert texts(log.read(run.deployment, after=1)) == ["two", "three"]


def test_the_carriage_return_of_windows_is_no_part_of_the_line():
    run = a_run()

    printed(run, b"one\r\ntwo\r", b"\n")

    assert texts(log.read(run.deployment)) == ["one", "two"]


def test_a_progress_bars_carriage_returns_stay_in_its_line():
    run = a_run()

    printed(run, b"10%\r20%\r30%\ndone\n")

    assert texts(log.read(run.deployment)) == ["10%\r20%\r30%", "done"]


def test_a_nul_is_shown_as_a_sign_for_it():
    run = a_run()

    printed(run, b"a\0b\n")

    assert texts(log.read(run.deployment)) == ["a␀b"]


def test_output_that_is_not_utf8_is_shown_with_replacement_characters():
    run = a_run()

    printed(run, b"gr\xfc\xdfe\n\xff\xfe\n")

    assert texts(log.read(run.deployment)) == ["gr��e", "��"]


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_character_that_is_cut_in_the_middle_comes_back_whole(cut):
    run = a_run()
    output = "ü€😀\n".encode()

    printed(run, output[:cut], output[cut:])

    assert texts(log.read(run.deployment)) == ["ü€😀"]


def test_a_long_line_is_cut_with_a_mark_and_the_plain_text_holds_all_of_it():
    run = a_run()

    printed(run, b"x" * 10_123 + b"\nnext\n")

    cut, following = texts(log.read(run.deployment))
    assert cut == "x" * log.LONGEST_LINE + " … (123 more characters; the raw log has them)"
    assert following == "next"
    assert whole(run.deployment) == "x" * 10_123 + "\nnext\n"


def test_a_line_longer_than_many_chunks_is_read_once_through():
    run = a_run()

    printed(run, b"x" * (log.CHUNK * 40) + b"\nnext\n")

    assert run.chunks.count() == 41
    assert [len(text) for text in texts(log.read(run.deployment))] == [
        10_000 + len(" … (2,611,440 more characters; the raw log has them)"),
        4,
    ]


# -- the last line ----------------------------------------------------------------------------------------------------


def test_a_line_without_an_end_is_held_back_while_the_script_runs():
    run = a_run()

    printed(run, b"one\nPassword: ", last=False)

    page = log.read(run.deployment)
    assert (texts(page), page.next, page.ended) == (["one"], 1, False)


def test_a_line_without_an_end_is_shown_once_the_script_is_over():
    run = a_run()
    printed(run, b"one\nno end")

    page = log.read(over(run))

    assert (texts(page), page.next, page.ended) == (["one", "no end"], 2, True)


def test_a_log_of_one_line_without_an_end_is_shown():
    run = a_run()
    printed(run, b"no end")

    assert texts(log.read(over(run))) == ["no end"]


def test_an_empty_log_has_no_lines():
    run = a_run()

    page = log.read(run.deployment)

    assert (page.lines, page.next, page.ended) == ([], 0, False)


def test_the_log_of_what_never_ran_has_ended():
    page = log.read(a_row(Status.CANCELLED))

    assert (page.lines, page.ended) == ([], True)


# -- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_paging_gives_the_whole_log_however_long_a_page_is(limit):
    deployment = a_row(Status.RUNNING)
    first, second = a_run(deployment), a_run(deployment, position=2)
    printed(first, b"one\ntw", b"o\nthree")
    printed(second, b"four\nfive\n")

    lines = paged(over(first), limit)

    assert [(line.number, line.text) for line in lines] == [
        (1, "one"),
        (2, "two"),
        (3, "three"),
        (4, "four"),
        (5, "five"),
    ]


def test_a_page_that_ends_where_a_step_ends_is_not_the_end():
    deployment = a_row(Status.RUNNING)
    first, second = a_run(deployment), a_run(deployment, position=2)
    printed(first, b"one\ntwo\n")
    printed(second, b"three\n")

    page = log.read(over(second), limit=2)

    assert (texts(page), page.ended) == (["one", "two"], False)


def test_nothing_follows_the_last_line():
    run = a_run()
    printed(run, b"one\n")

    page = log.read(over(run), after=1)

    assert (page.lines, page.next, page.ended) == ([], 1, True)


def test_a_number_beyond_the_end_gives_nothing():
    run = a_run()
    printed(run, b"one\n")

    page = log.read(run.deployment, after=17)

    assert (page.lines, page.next) == ([], 17)


def test_lines_are_numbered_through_all_steps_and_attempts():
    deployment = a_row(Status.RUNNING)
    printed(a_run(deployment, attempt=1, position=1), b"one\n")
    printed(a_run(deployment, attempt=1, position=2), b"two\n")
    printed(a_run(deployment, attempt=2, position=2), b"three\n")

    lines = log.read(deployment).lines

    assert [(line.number, line.step, line.attempt) for line in lines] == [
        (1, "Step 1", 1),
        (2, "Step 2", 1),
        (3, "Step 2", 2),
    ]


def test_a_lines_number_stays_when_an_earlier_attempt_was_broken_off_midway():
    deployment = a_row(Status.RUNNING)
    printed(a_run(deployment, attempt=1), b"one\nbroken o")
    second = a_run(deployment, attempt=2)
    printed(second, b"three\n")
    before = log.read(deployment).lines

    after = log.read(over(second)).lines

    assert [(line.number, line.text) for line in before] == [(1, "one"), (2, "broken o"), (3, "three")]
    assert [(line.number, line.text) for line in after] == [(1, "one"), (2, "broken o"), (3, "three")]


def test_the_plain_text_begins_each_step_on_a_line_of_its_own():
    deployment = a_row(Status.RUNNING)
    printed(a_run(deployment, position=1), b"one\nno end")
    printed(a_run(deployment, position=2), b"three\n")

    assert whole(deployment) == "one\nno end\nthree\n"


def test_the_end_of_a_hundred_thousand_lines_is_read_without_reading_the_rest():
    run = a_run()
    printed(run, b"".join(b"line %d of the log of a very talkative script\n" % n for n in range(1, 100_001)))

    with CaptureQueriesContext(
        connection,
    ) as queries:
        page = log.read(run.deployment, after=99_997)

    assert [(line.number, line.text[:11]) for line in page.lines] == [
        (99_998, "line 99998 "),
        (99_999, "line 99999 "),
        (100_000, "line 100000"),
    ]
    assert len(queries) <= 5


def test_following_a_hundred_thousand_lines_gives_every_one_of_them_once():
    run = a_run()
    printed(run, *(b"".join(b"%d\n" % n for n in range(start, start + 1000)) for start in range(1, 100_001, 1000)))

    lines = paged(over(run), 20_000)

    assert [line.text for line in lines] == [str(n) for n in range(1, 100_001)]


# -- what is stored ---------------------------------------------------------------------------------------------------


def test_much_output_is_stored_in_chunks_that_know_where_they_begin():
    run = a_run()

    printed(run, b"a\n" * log.CHUNK)

    chunks = list(run.chunks.values_list("sequence", "first_line"))
    assert chunks == [(0, 0), (1, log.CHUNK // 2)]


def test_a_successor_goes_on_where_the_last_chunk_ended():
    run = a_run()
    output = b"one\ntwo\nthree\n"
    first = printed(run, output[:6], last=False)

    printed(run, output[first.raw_end :])

    assert texts(log.read(run.deployment)) == ["one", "two", "three"]


def test_a_successor_reads_again_what_was_held_back():
    run = a_run()
    output = b"the secret is hunter2!\n"
    first = printed(run, output[:18], secrets=("hunter2",), last=False)

    printed(run, output[first.raw_end :], secrets=("hunter2",))

    assert whole(run.deployment) == "the secret is ******!\n"


def test_a_line_of_our_own_stands_between_those_of_the_script():
    run = a_run()
    writer = log.Writer(run, ())

    writer.take(b"one\n")
    writer.say("The portal says this.")
    writer.take(b"two\n")
    writer.flush()

    assert texts(log.read(run.deployment)) == ["one", "The portal says this.", "two"]


def test_a_writer_whose_place_another_has_taken_stores_nothing():
    run = a_run()
    zombie, successor = log.Writer(run, ()), log.Writer(run, ())
    successor.say("From the successor.")

    with pytest.raises(IntegrityError), transaction.atomic():
        zombie.say("From the zombie.")

    assert whole(run.deployment) == "From the successor.\n"


def test_nothing_is_stored_when_nothing_was_printed():
    run = a_run()

    printed(run)

    assert not run.chunks.exists()


def test_no_secret_is_ever_stored():
    run = a_run()

    printed(run, b"token=abc", b"defgh\nok\n", secrets=("abcdefgh",))

    assert whole(run.deployment) == "token=******\nok\n"


# -- the limit --------------------------------------------------------------------------------------------------------


def test_a_log_that_is_too_long_is_cut_with_a_mark(settings):
    settings.LOG_MAX_BYTES = 10
    run = a_run()

    printed(run, b"1234567\n", b"8901234\n", b"never kept\n")

    assert whole(run.deployment) == ("1234567\n89\n… The log is longer than 10 bytes. What follows was not kept.\n")


def test_a_log_of_exactly_the_greatest_length_is_kept_whole(settings):
    settings.LOG_MAX_BYTES = 10
    run = a_run()

    printed(run, b"123456789\n")

    assert whole(run.deployment) == "123456789\n"


def test_the_limit_holds_for_all_steps_of_a_deployment_together(settings):
    settings.LOG_MAX_BYTES = 10
    deployment = a_row(Status.RUNNING)
    printed(a_run(deployment, position=1), b"1234567\n")

    printed(a_run(deployment, position=2), b"abcdefg\n")

    assert whole(deployment).startswith("1234567\nab\n… The log is longer than 10 bytes.")


def test_the_mark_is_made_once(settings):
    settings.LOG_MAX_BYTES = 4
    run = a_run()
    first = printed(run, b"123456789\n")

    printed(run, b"x" * first.raw_end)

    assert whole(run.deployment).count("The log is longer") == 1
    assert LogChunk.objects.count() == 1
