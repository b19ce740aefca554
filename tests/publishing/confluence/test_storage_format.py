"""Whatever people wrote, a page is well-formed XML that says the same."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishing.confluence import storage_format as storage
from publishing.confluence.markup import as_storage
from publishing.confluence.storage_format import element, written
from releases.notes import rendered
from standins.confluence.storage_format import parse, text_of


@pytest.mark.parametrize(
    "text",
    [
        "a & b",
        "<script>alert(1)</script>",
        "]]>",
        '"quoted"',
        "&nbsp;",
        "&lt;",
        "emoji 🚂",
        "x\u0000y\u0007z",
        "\ufffe",
    ],
)
def test_what_is_special_in_xml_is_text(text):
    body = written([element("p", text)])

    assert text_of(parse(body)) == " ".join(storage.plain(text).split())


@given(st.text())
def test_every_text_makes_a_page(text):
    body = written([element("p", text), storage.link(text, "https://example.com/"), storage.included(text, text)])

    assert storage.well_formed(body) == body
    parse(body)


@given(st.text())
def test_every_note_makes_a_page(markdown):
    body = written(as_storage(rendered(markdown, below=3)))

    parse(storage.well_formed(body))


@given(st.text(alphabet="<>/abpi &;'\"=!-[]", max_size=200))
def test_broken_html_makes_a_page_too(html):
    parse(storage.well_formed(written(as_storage(html))))


def test_notes_keep_their_shape():
    html = rendered(
        "# Booking\n\n* **faster**\n* [more](https://example.com/?a=1&b=2)\n\n| a |\n|---|\n| 1 |\n", below=3
    )

    body = written(as_storage(html))

    assert "<h4>Booking</h4>" in body
    assert "<li><strong>faster</strong></li>" in body
    assert '<a href="https://example.com/?a=1&amp;b=2">more</a>' in body
    assert "<td>1</td>" in body


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        '<a href="javascript:alert(1)">x</a>',
        '<img src="https://evil.example/x.png">',
        '<p onclick="alert(1)">x</p>',
        "<iframe src='https://evil.example'></iframe>",
        "<ac:structured-macro ac:name='html'></ac:structured-macro>",
        "<style>p { display: none }</style>",
    ],
)
def test_what_is_not_allowed_does_not_reach_a_page(html):
    body = written(as_storage(html))

    for forbidden in ("alert", "evil", "onclick", "structured-macro", "display"):
        assert forbidden not in body


def test_elements_within_elements_without_end_are_cut_off():
    parse(written(as_storage("<blockquote>" * 5000 + "deep")))


def test_what_is_no_xml_is_never_sent():
    with pytest.raises(ValueError, match="no well-formed XML"):
        storage.well_formed("<p>")


@pytest.mark.parametrize("address", ["javascript:alert(1)", "ftp://example.com", "", "https://ann:pw@example.com"])
def test_an_address_that_no_page_may_link_to_is_text(address):
    assert storage.link("BOOK-1", address) == "BOOK-1"


def test_a_moment_says_its_zone(settings):
    assert storage.moment(datetime(2025, 11, 23, 14, 5, tzinfo=UTC)) == "23 November 2025, 14:05 UTC"
