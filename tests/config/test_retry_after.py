"""Retry-After as servers write it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from config.retry_after import LONGEST, seconds_from


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("9" * 40, LONGEST),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_seconds_or_a_date_that_is_over(stated, seconds):
    assert seconds_from(stated) == seconds


def test_a_date_that_is_to_come_counts_from_now():
    moment = datetime.now(UTC) + timedelta(minutes=5)

    assert seconds_from(format_datetime(moment, usegmt=True)) in (299, 300, 301)


def test_nobody_waits_longer_than_a_day():
    moment = datetime.now(UTC) + timedelta(days=9)

    assert seconds_from(format_datetime(moment, usegmt=True)) == LONGEST
