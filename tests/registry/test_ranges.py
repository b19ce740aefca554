"""Which bytes a Range header asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.ranges import NotSatisfiable, Span, is_current, span_of, unsatisfied

SIZE = 1000
ETAG = '"abc"'
EVERYTHING = None
NOTHING = "nothing"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, EVERYTHING),
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-499", Span(0, 500)),
        ("bytes=500-999", Span(500, 500)),
        ("bytes=999-999", Span(999, 1)),
        ("bytes=0-", Span(0, 1000)),
        ("bytes=0-999", Span(0, 1000)),
        ("bytes=9500-", NOTHING),
        ("bytes=999-", Span(999, 1)),
        ("bytes=-1", Span(999, 1)),
        ("bytes=-500", Span(500, 500)),
        ("bytes=-1000", Span(0, 1000)),
        ("bytes=0000-0009", Span(0, 10)),
        # past the end
        ("bytes=990-1000", Span(990, 10)),
        ("bytes=0-99999", Span(0, 1000)),
        ("bytes=-99999", Span(0, 1000)),
        ("bytes=1000-", NOTHING),
        ("bytes=1000-2000", NOTHING),
        ("bytes=-0", NOTHING),
        ("bytes=-000", NOTHING),
        ("bytes=0-" + "9" * 5000, Span(0, 1000)),
        ("bytes=-" + "9" * 5000, Span(0, 1000)),
        ("bytes=" + "9" * 5000 + "-", NOTHING),
        ("bytes=" + "0" * 5000 + "7-8", Span(7, 2)),
        # spaces and empty elements, where a list may have them
        ("bytes= 0-9", Span(0, 10)),
        ("bytes=0-9 ", Span(0, 10)),
        ("bytes=\t0-9\t", Span(0, 10)),
        ("bytes=0-9,", Span(0, 10)),
        ("bytes=,,0-9", Span(0, 10)),
        ("Bytes=0-9", Span(0, 10)),
        ("BYTES=0-9", Span(0, 10)),
        # several: everything, unless nothing of all that is there
        ("bytes=0-9,20-29", EVERYTHING),
        ("bytes=0-9, 5000-", EVERYTHING),
        ("bytes=0-0,-1", EVERYTHING),
        ("bytes=1000-,2000-", NOTHING),
        ("bytes=-0,1000-1001", NOTHING),
        # not valid: as if it were not there
        ("", EVERYTHING),
        ("bytes", EVERYTHING),
        ("bytes=", EVERYTHING),
        ("bytes=,", EVERYTHING),
        ("bytes=-", EVERYTHING),
        ("bytes=--5", EVERYTHING),
        ("bytes=5", EVERYTHING),
        ("bytes=a-b", EVERYTHING),
        ("bytes=0-9;q=1", EVERYTHING),
        ("bytes=9-0", EVERYTHING),
        ("bytes=2000-1000", EVERYTHING),
        ("bytes=0-9,9-0", EVERYTHING),
        ("bytes=0 - 9", EVERYTHING),
        ("bytes=+0-9", EVERYTHING),
        ("bytes=0x0-9", EVERYTHING),
        ("bytes=1_0-20", EVERYTHING),
        ("bytes=٠-٩", EVERYTHING),
        ("bytes=0-9\n", EVERYTHING),
        ("bytes=0-9=", EVERYTHING),
        ("bytes 0-9", EVERYTHING),
        ("0-9", EVERYTHING),
        # other units are not ours
        ("items=0-9", EVERYTHING),
        ("seconds=1-2", EVERYTHING),
        ("bytesx=0-9", EVERYTHING),
    ],
)
def test_a_header_asks_for_a_part_for_everything_or_for_nothing_that_is_there(header, expected):
    try:
        found = span_of(header, SIZE)
    except NotSatisfiable:
        found = NOTHING

    assert found == expected


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-1", "bytes=0-0", "bytes=-99"])
def test_of_a_single_byte_there_is_nothing_but_everything(header):
    assert span_of(header, 1) == Span(0, 1)


@given(first=st.integers(0, 300), last=st.integers(0, 300), size=st.integers(1, 200))
def test_what_is_answered_is_exactly_what_python_would_slice(first, last, size):
    content = bytes(number % 251 for number in range(size))

    try:
        span = span_of(f"bytes={first}-{last}", size)
    except NotSatisfiable:
        span = Span(0, 0)
    part = content if span is None else content[span.start : span.start + span.length]

    assert part == (content if last < first else content[first : last + 1])


@given(length=st.integers(0, 300), size=st.integers(1, 200))
def test_a_suffix_is_exactly_what_python_would_slice(length, size):
    content = bytes(number % 251 for number in range(size))

    try:
        span = span_of(f"bytes=-{length}", size)
    except NotSatisfiable:
        span = Span(0, 0)

    assert content[span.start : span.start + span.length] == (content[-length:] if length else b"")


@given(st.text(max_size=40))
def test_no_header_breaks_it(text):
    try:
        found = span_of(f"bytes={text}", SIZE)
    except NotSatisfiable:
        found = None

    assert found is None or 0 <= found.start < found.start + found.length <= SIZE


@pytest.mark.parametrize(("span", "header"), [(Span(0, 1), "bytes 0-0/1000"), (Span(500, 500), "bytes 500-999/1000")])
def test_a_part_says_which_it_is(span, header):
    assert span.content_range(SIZE) == header


def test_nothing_says_how_much_there_would_be():
    assert unsatisfied(SIZE) == "bytes */1000"


@pytest.mark.parametrize(
    ("if_range", "current"),
    [
        (None, True),
        ('"abc"', True),
        (' "abc" ', True),
        ('W/"abc"', False),
        ('"other"', False),
        ("abc", False),
        ('"abc", "def"', False),
        ("*", False),
        ("", False),
        ("Wed, 21 Oct 2026 07:28:00 GMT", False),
    ],
)
def test_a_range_counts_only_as_long_as_what_it_was_asked_of_is_there(if_range, current):
    assert is_current(if_range, ETAG) is current
