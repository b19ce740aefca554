"""What a script prints is text: colours become classes, everything else that a terminal would obey is dropped."""

import pytest

from portal import ansi


def test_a_colour_becomes_a_class():
    assert ansi.to_html("\x1b[32mok\x1b[0m after 1 retry") == '<span class="a-g">ok</span> after 1 retry'


def test_bold_and_colour_go_together_until_they_are_taken_back():
    assert ansi.to_html("\x1b[1;31mA\x1b[22mB\x1b[39mC") == (
        '<span class="a-r a-1">A</span><span class="a-r">B</span>C'
    )


def test_markup_is_shown_and_never_obeyed():
    assert ansi.to_html('<script>alert("1")</script>&') == "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;"


def test_markup_inside_a_colour_is_escaped_too():
    assert ansi.to_html("\x1b[33m<b>") == '<span class="a-y">&lt;b&gt;</span>'


@pytest.mark.parametrize(
    "sequence",
    [
        "\x1b]8;;javascript:alert(1)\x07",  # a link
        "\x1b]0;title\x1b\\",  # a title
        "\x1bP1;2|payload\x1b\\",  # a device control string
        "\x1b[2K",  # erase the line
        "\x1b[?25l",  # hide the cursor
        "\x1b[10;20H",  # move the cursor
        "\x9b31m\x9b0m",  # 8-bit control sequences
        "\x1b(B",  # a character set
        "\x1b[38;5;196m",  # a colour that we do not show
        "\x1b[48;2;1;31;1m",
        "\x1b[99999999999999999999m",
        "\x07\x08\x7f",
        "\u202e\u2066",  # would show the text in another order
    ],
)
def test_what_a_terminal_would_obey_is_dropped(sequence):
    assert ansi.to_html(f"before{sequence}after") == "beforeafter"


def test_an_unfinished_sequence_hides_no_text():
    assert ansi.to_plain("\x1b]8;;https://evil.example click") == "8;;https://evil.example click"


def test_a_progress_bar_is_one_line_of_words():
    assert ansi.to_plain("10 %\r20 %") == "10 % 20 %"


def test_plain_text_is_without_colours():
    assert ansi.to_plain("\x1b[1mwarning\x1b[0m: x") == "warning: x"
