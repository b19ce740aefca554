"""The log on the page: hostile output stays text, however long it is the page opens at once, and new lines come in."""

import re
import time

import pytest
from django.test import Client
from django.urls import reverse

from deployments.log import Writer
from deployments.models import Deployment, Status, StepRun
from portal import log_page
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import claimed, ended
from tests.deployments.scenes import a_manager, requested
from tests.factories import a_lone_project, a_release


@pytest.fixture
def script(client: Client, db: None) -> Deployment:
    """A script that runs and has printed nothing yet, looked at by a release manager."""
    client.force_login(a_manager())
    requested(a_release(a_lone_project("Website"), website="1.0.0"))
    return claimed()


@pytest.fixture
def step_run(script: Deployment) -> StepRun:
    return script.step_runs.create(attempt=1, position=1, name="Run the release package")


def prints(step_run: StepRun, text: str) -> None:
    writer = Writer(step_run, ())
    writer.take(text.encode(), last=True)
    writer.flush()


def page_of(client: Client, script: Deployment, **query: object) -> str:
    return client.get(reverse("portal:deployment", args=[script.pk]), query).content.decode()


def polled(client: Client, script: Deployment, after: int):
    return client.get(reverse("portal:log", args=[script.pk]), {"after": after})


def numbers_in(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'<li id="L(\d+)"', page)]


def test_every_line_has_its_number_as_a_link_and_its_time(client, script, step_run):
    prints(step_run, "one\ntwo\n")

    page = page_of(client, script)

    assert '<li id="L2"><a href="#L2" aria-label="Line 2">2</a><time datetime="' in page
    assert "<span>two</span>" in page


def test_warnings_and_errors_are_marked_and_keep_their_words(client, script, step_run):
    prints(step_run, "warning: slow\nERROR: gone\n0 errors, no warnings\n")

    page = page_of(client, script)

    assert '<li id="L1" class="warn">' in page
    assert '<li id="L2" class="err">' in page
    assert '<li id="L3">' in page


def test_what_a_script_prints_is_never_obeyed(client, script, step_run):
    prints(
        step_run,
        "<script>alert(1)</script>\x1b]8;;javascript:alert(2)\x07here\x1b]8;;\x07 a\0b <img src=x onerror=y>\n",
    )

    page = page_of(client, script)

    assert "&lt;script&gt;alert(1)&lt;/script&gt;here a\u2400b &lt;img src=x onerror=y&gt;" in page
    assert "alert(2)" not in page


def test_a_line_of_five_million_characters_is_cut_and_the_raw_log_has_it_all(client, script, step_run):
    prints(step_run, "x" * 5_000_000 + "\nafter\n")

    page = page_of(client, script)
    raw = b"".join(client.get(reverse("portal:log-raw", args=[script.pk])).streaming_content)

    assert len(page) < 100_000
    assert "(4,990,000 more characters; the raw log has them)" in page
    assert len(raw) == 5_000_007


def test_a_hundred_thousand_lines_open_at_once_at_their_end(client, script, step_run):
    prints(step_run, "".join(f"line {n}\n" for n in range(1, 100_001)))
    began = time.monotonic()

    page = page_of(client, script)

    assert time.monotonic() - began < 5
    assert numbers_in(page) == list(range(99_001, 100_001))
    assert "Lines 99001 to 100000 of 100000" in page
    assert 'href="?from=98001"' in page
    assert 'href="?from=1"' in page
    assert f'href="{reverse("portal:deployment", args=[script.pk])}?from=99001#L99500"' in page


def test_a_part_of_a_long_log_has_the_way_to_the_next(client, script, step_run):
    prints(step_run, "".join(f"line {n}\n" for n in range(1, 5_001)))

    page = page_of(client, script, **{"from": "1001"})

    assert numbers_in(page) == list(range(1_001, 2_001))
    assert f"{reverse('portal:deployment', args=[script.pk])}?from=2001" in page
    assert "every 1s" not in page


def test_a_poll_without_news_is_answered_with_nothing(client, script, step_run):
    prints(step_run, "one\n")

    response = polled(client, script, after=1)

    assert response.status_code == 204
    assert response.content == b""


def test_a_poll_brings_the_new_lines_and_where_to_go_on(client, script, step_run):
    prints(step_run, "one\ntwo\nthree\n")

    response = polled(client, script, after=1)

    page = response.content.decode()
    assert response.status_code == 200
    assert numbers_in(page) == [2, 3]
    assert "?after=3" in page


def test_a_line_that_is_not_finished_is_held_back(client, script, step_run):
    prints(step_run, "one\ntwo without an end")

    assert numbers_in(polled(client, script, after=0).content.decode()) == [1]


def test_the_last_poll_says_that_nothing_more_will_come(client, script, step_run):
    prints(step_run, "one\ntwo without an end")
    ended(script)

    response = polled(client, script, after=1)

    assert response.status_code == 286
    assert numbers_in(response.content.decode()) == [2]
    assert "hx-get" not in response.content.decode()


def test_a_poll_that_has_fallen_far_behind_leaves_lines_out_and_says_so(client, script, step_run):
    prints(step_run, "".join(f"line {n}\n" for n in range(1, 2_001)))

    page = polled(client, script, after=0).content.decode()

    assert numbers_in(page) == list(range(2_001 - log_page.POLLED, 2_001))
    assert "1600 lines came faster than this page" in page


@pytest.mark.parametrize("after", ["", "-5", "x", "9" * 30, "٣"])
def test_an_unreadable_place_in_the_log_means_its_beginning(client, script, step_run, after):
    prints(step_run, "one\n")

    assert numbers_in(polled(client, script, after=after).content.decode()) == [1]


def test_each_attempt_is_headed_by_its_step_and_number(client, script, step_run):
    prints(step_run, "first\n")
    StepRun.objects.filter(pk=step_run.pk).update(finished_at=step_run.started_at, exit_status=1)
    again = script.step_runs.create(attempt=2, position=1, name="Run the release package")
    prints(again, "second\n")

    page = page_of(client, script)

    assert '<li class="step"><b>Run the release package, attempt 2</b></li><li id="L2">' in page


def test_a_script_that_printed_nothing_says_so(client, script, step_run):
    ended(script)

    assert "It printed nothing." in page_of(client, script)


def test_the_raw_log_is_plain_text_and_comes_as_a_file_when_asked(client, script, step_run):
    prints(step_run, "<b>one</b>\n")
    url = reverse("portal:log-raw", args=[script.pk])

    shown, saved = client.get(url), client.get(url, {"download": "1"})

    assert shown["Content-Type"] == "text/plain; charset=utf-8"
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert b"".join(shown.streaming_content) == b"<b>one</b>\n"
    assert saved["Content-Disposition"] == f'attachment; filename="website-1.0.0-test-{script.pk}.log"'


def test_a_running_log_is_the_one_that_is_polled(client, script, step_run):
    prints(step_run, "one\n")

    assert script.status == Status.RUNNING
    assert "?after=1" in page_of(client, script)


@pytest.mark.parametrize("before", [0, 30])
def test_lines_that_come_while_the_page_is_put_together_do_not_keep_it_from_following(
    client, script, step_run, monkeypatch, before
):
    if before:
        prints(step_run, "".join(f"line {number}\n" for number in range(before)))
    read, heard = log_page.log.read, []

    def reads_and_hears_more(*arguments):
        found = read(*arguments)
        if not heard:
            heard.append(prints(step_run, "and on\n"))
        return found

    monkeypatch.setattr(log_page.log, "read", reads_and_hears_more)

    page = page_of(client, script)

    assert f'hx-get="{reverse("portal:log", args=[script.pk])}?after={before}"' in page
