"""What was live when, and everything that was tried with a release."""

import pytest

from deployments.history import deployments_of, live_history
from projects.models import Project
from tests.deployments.rows import a_rows_shop, failed, went_live
from tests.factories import a_release, an_environment

pytestmark = pytest.mark.django_db


def test_the_history_of_an_environment_begins_with_what_is_live_now():
    stack = a_rows_shop()
    went_live(a_release(stack, ui="1.0.0"))
    went_live(a_release(stack, ui="1.1.0"))

    lines = [str(line) for line in live_history(an_environment("TEST"), [stack])]

    assert lines == ["Shop 1.0.2 in TEST", "Shop 1.0.1 in TEST"]


def test_what_failed_was_never_live():
    stack = a_rows_shop()
    failed(a_release(stack))

    assert not live_history(an_environment("TEST"), Project.objects.all()).exists()


def test_the_history_of_an_environment_leaves_the_others_out():
    release = a_release(a_rows_shop())
    went_live(release, "TEST")

    assert not live_history(an_environment("PROD"), Project.objects.all()).exists()


def test_what_was_live_before_ends_when_the_next_begins():
    stack = a_rows_shop()
    went_live(a_release(stack, ui="1.0.0"))
    went_live(a_release(stack, ui="1.1.0"))

    now, before = live_history(an_environment("TEST"), [stack])

    assert (now.until_at, before.until_at) == (None, now.from_at)


def test_everything_that_was_tried_with_a_release_is_told_newest_first():
    release = a_release(a_rows_shop())
    first = failed(release)
    second = went_live(release)

    assert deployments_of(release) == [second, first]


def test_the_lines_of_a_history_take_one_query(django_assert_num_queries):
    stack = a_rows_shop()
    went_live(a_release(stack, ui="1.0.0"))
    went_live(a_release(stack, ui="1.1.0"))
    here = an_environment("TEST")

    with django_assert_num_queries(1):
        lines = live_history(here, [stack])
        said = [f"{line} {line.deployment.requested_by}" for line in lines]

    assert len(said) == 2
