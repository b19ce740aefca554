"""Notes are Markdown from anybody: what reaches a page is safe, and what stands beside other Markdown keeps to itself."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.actions import NOTES_MAX
from releases.notes import TAGS, link, moved, plain, rendered

REL = 'rel="nofollow noopener noreferrer"'

# -- what people write ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Bookings for *children*", "<p>Bookings for <em>children</em></p>"),
        ("- one\n- **two**", "<ul>\n<li>one</li>\n<li><strong>two</strong></li>\n</ul>"),
        ("3. three", '<ol start="3">\n<li>three</li>\n</ol>'),
        ("~~gone~~ `code`", "<p><s>gone</s> <code>code</code></p>"),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        ("first\nsecond", "<p>first<br>\nsecond</p>"),
        ("[Wards](https://example.com/w)", f'<p><a href="https://example.com/w" {REL}>Wards</a></p>'),
        ("<mailto:ann@example.com>", f'<p><a href="mailto:ann@example.com" {REL}>mailto:ann@example.com</a></p>'),
        ("```\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>"),
        ("", ""),
    ],
)
def test_markdown_becomes_html(written, shown):
    assert rendered(written).strip() == shown


def test_tables_are_understood():
    assert "<th>Ward</th>" in rendered("| Ward | Beds |\n|---|--:|\n| A | 3 |")


@pytest.mark.parametrize(
    ("written", "below", "levels"),
    [
        ("# One\n\n## Two", 2, ["h3", "h4"]),
        ("## Two\n\n#### Four", 2, ["h3", "h5"]),
        ("One\n===\n\nTwo\n---", 3, ["h4", "h5"]),
        ("# One\n\n###### Six", 4, ["h5", "h6"]),
        ("> # Quoted", 1, ["h2"]),
    ],
)
def test_headings_stand_below_the_one_that_they_are_under(written, below, levels):
    assert re.findall(r"<(h\d)>", rendered(written, below)) == levels


# -- what people should not have written ------------------------------------------------------------------------------

HOSTILE = (
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    '<img src=x onerror="alert(1)">',
    "<svg/onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<style>body{display:none}</style>",
    "<!--<img src=x onerror=alert(1)>-->",
    "<a href='https://example.com' onclick='alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example)",
    "[x](/sign-out/)",
    "[x](https://example.com 'a\" onmouseover=\"alert(1)')",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    '![x" onerror="alert(1)](https://example.com/x.png)',
    "<javascript:alert(1)>",
    "[a]: javascript:alert(1)\n\n[a]",
    "`<script>`</code><script>alert(1)</script>",
    "<details open ontoggle=alert(1)>",
    "| <b onclick=x> |\n|---|\n| <script>x</script> |",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<form action=/deployments/1/cancel/ method=post><button>x</button></form>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
)


def anything_unsafe(html: str) -> list[str]:
    """Tags that are not on the list, and attributes or addresses that nobody allowed."""
    found = []
    for name, attributes in re.findall(r"<\s*/?\s*([A-Za-z][A-Za-z0-9-]*)([^>]*)>", html):
        found += [name] if name not in TAGS else []
        for attribute, value in re.findall(r'([A-Za-z-]+)\s*=\s*"([^"]*)"', attributes):
            fits = attribute in ("rel", "title", "start") or (
                attribute == "href" and re.match(r"(https?://|mailto:)", value, re.IGNORECASE)
            )
            found += [] if fits else [f"{attribute}={value}"]
        found += re.findall(r"\bon\w+\s*=", re.sub(r'"[^"]*"', "", attributes))
    return found


@pytest.mark.parametrize("written", HOSTILE)
def test_nothing_but_what_is_allowed_comes_through(written):
    assert anything_unsafe(rendered(written)) == []


def test_html_is_shown_as_it_was_written():
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in rendered("<script>alert(1)</script>")


@given(st.text(alphabet=st.sampled_from("<>[]()!#*_`~|-=&;:'\"/\\ \n\tabjx1"), max_size=200))
def test_whatever_is_written_comes_out_safe(written):
    assert anything_unsafe(rendered(written)) == []
    assert anything_unsafe(rendered(moved(written, 2))) == []


def test_a_picture_is_a_link_to_it():
    assert rendered("![The ward](https://example.com/w.png)").strip() == (
        f'<p><a href="https://example.com/w.png" {REL}>The ward</a></p>'
    )


def test_a_picture_without_words_can_still_be_followed():
    assert ">Picture</a>" in rendered("![](https://example.com/w.png)")


def test_a_picture_inside_a_link_is_its_words():
    assert rendered("[![Logo](https://example.com/l.png)](https://example.com)").count("<a ") == 1


@pytest.mark.parametrize(
    "piece", ["[", "*a ", "`", ">", "![[", "- ", "<", "*_", "[a](<", "~~a", "[a]: x\n", "&", "a**b", "\\", "|", "#\n"]
)
def test_the_longest_notes_are_rendered_in_a_moment(piece):
    written = (piece * NOTES_MAX)[:NOTES_MAX]
    begun = time.process_time()

    rendered(written)

    assert time.process_time() - begun < 5


# -- beside other Markdown --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "moved_to"),
    [
        ("# One\n\ntext\n\n## Two", "#### One\n\ntext\n\n##### Two"),
        ("One\n===\n\ntext", "#### One\n\n\ntext"),
        ("> # Quoted", "> #### Quoted"),
        ("```\n# no heading\n```", "```\n# no heading\n```"),
        ("```\nleft open", "```\nleft open\n```"),
        ("~~~~\nleft open\n~~~", "~~~~\nleft open\n~~~\n~~~~"),
        ("```", "```\n```"),
        ("plain\r\ntext", "plain\ntext"),
    ],
)
def test_notes_are_moved_below_a_heading(written, moved_to):
    assert moved(written, 3) == moved_to


@given(st.text(alphabet=st.sampled_from("`~#-=>\n a1. "), max_size=60))
def test_what_follows_moved_notes_is_never_swallowed_by_a_block_of_code(written):
    followed = rendered(f"{moved(written, 3)}\n\n## After it")

    assert re.search(r"<h\d>After it</h\d>", followed)


@given(st.text(alphabet=st.sampled_from("\\`*_{}[]()<>#+-.!|~&=1a \n"), max_size=40))
def test_plain_text_says_just_that(text):
    said = re.sub(r"<[^>]+>", "", rendered(f"x {plain(text)}")).replace("&lt;", "<").replace("&gt;", ">")

    assert said.replace("&quot;", '"').replace("&amp;", "&").split() == ["x", *text.split()]


def test_a_link_leads_where_it_says_and_nowhere_else():
    assert link("S-1", "https://t.example.com/a b>c") == "[S-1](<https://t.example.com/a%20b%3Ec>)"
    assert link("S-1", "") == "S-1"
    assert link("S-1", "javascript:alert(1)") == "S-1"
