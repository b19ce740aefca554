"""People read the stand-in's pages in a browser: macros are shown, and nothing in a page is trusted."""

from collections.abc import Callable

import pytest
import requests

from tests.publishing.confluence_server import There
from tests.standins.conftest import Asking

Shown = Callable[..., str]


@pytest.fixture
def shown(there: There, look: Asking) -> Shown:
    """shown("<p>…</p>") writes that as the body of a page and answers its article as HTML."""

    def show(body: str, title: str = "Page") -> str:
        page_id = there.create_foreign(title, body)
        page = look(f"/wiki/spaces/REL/pages/{page_id}").text
        return page.partition("<article>")[2].partition("</article>")[0]

    return show


def macro(kind: str, body: str = "", /, **parameters: str) -> str:
    stated = "".join(f'<ac:parameter ac:name="{key}">{value}</ac:parameter>' for key, value in parameters.items())
    rich = f"<ac:rich-text-body>{body}</ac:rich-text-body>" if body else ""
    return f'<ac:structured-macro ac:name="{kind}">{stated}{rich}</ac:structured-macro>'


def include(title: str, kind: str = "include", /, **parameters: str) -> str:
    page = f'<ac:parameter ac:name=""><ac:link><ri:page ri:content-title="{title}" /></ac:link></ac:parameter>'
    return macro(kind, **parameters).replace("</ac:structured-macro>", f"{page}</ac:structured-macro>")


def test_the_first_page_lists_spaces_and_their_pages(there: There, look: Asking):
    there.create_foreign("Patient UI - TEST")
    there.create_foreign("Old notes")
    there.trash("Old notes")

    page = look("/").text

    assert page.index("Releases Home") < page.index("Patient UI - TEST") < page.index("Trash and archive")
    assert page.index("Trash and archive") < page.index("Old notes")


def test_every_page_says_that_it_is_a_stand_in_under_a_strict_policy(there: There, look: Asking):
    pages = [look("/"), look("/wiki/spaces/REL"), look("/nowhere"), look(f"/x/{there.create_foreign('Notes')}")]

    assert [page.status_code for page in pages] == [200, 200, 404, 200]
    assert all("This is a stand-in for Confluence" in page.text for page in pages)
    assert all(
        page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'") for page in pages
    )


@pytest.mark.parametrize(
    "address",
    [
        "/wiki/spaces/REL/pages/{}",
        "/wiki/spaces/REL/pages/{}/Whatever",
        "/x/{}",
        "/wiki/x/{}",
        "/pages/viewpage.action?pageId={}",
        "/display/REL/Patient+UI+-+TEST",
        "/display/rel/patient%20ui%20-%20test",
    ],
)
def test_a_page_has_the_addresses_of_both_dialects(there: There, look: Asking, address: str):
    page_id = there.create_foreign("Patient UI - TEST")

    assert "<h1>Patient UI - TEST</h1>" in look(address.format(page_id)).text


@pytest.mark.parametrize(
    "address",
    [
        "/wiki/spaces/NONE",
        "/wiki/spaces/REL/pages/1",
        "/display/REL/Nothing",
        "/display/NONE/Nothing",
        "/pages/viewpage.action",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(look: Asking, address: str):
    answer = look(address)

    assert answer.status_code == 404
    assert "<h1>Not here</h1>" in answer.text


def test_the_history_shows_release_numbers_and_older_versions(there: There, look: Asking):
    page_id = there.create_foreign("Patient UI - TEST", "<p>1.4.17</p>")
    there.edit("Patient UI - TEST", "<p>1.4.18</p>", message="2026.11.2")

    newest = look(f"/wiki/spaces/REL/pages/{page_id}").text
    older = look(f"/wiki/spaces/REL/pages/{page_id}?version=1").text
    missing = look(f"/wiki/spaces/REL/pages/{page_id}?version=9")

    assert "<article><p>1.4.18</p></article>" in newest
    assert "<td>2026.11.2</td>" in newest
    assert "<article><p>1.4.17</p></article>" in older
    assert "This is version 1." in older
    assert missing.status_code == 404


def test_labels_pages_below_and_pages_above_are_shown(there: There, look: Asking, data_center: Asking):
    page_id = there.create_foreign("Parent")
    there.create_foreign("Child")
    there.move("Child", "Parent")
    data_center("POST", f"/rest/api/content/{page_id}/label", json=[{"prefix": "global", "name": "signalbox"}])

    page = look(f"/x/{page_id}").text

    assert "<li>signalbox</li>" in page
    assert ">Child</a></li>" in page
    assert ">Releases Home</a></li>" in page


def test_a_page_in_the_trash_says_so(there: There, look: Asking):
    page_id = there.create_foreign("Notes")
    there.trash("Notes")

    assert "This page is trashed." in look(f"/x/{page_id}").text


def test_plain_content_is_shown_as_it_is(shown: Shown):
    body = '<h2>A</h2><p>x &amp; <strong>y</strong>&nbsp;z<br/></p><ul><li>1</li></ul><p><a href="https://example.org">w</a></p>'

    assert shown(body).endswith(
        "A</h2><p>x &amp; <strong>y</strong>\u00a0z<br></p><ul><li>1</li></ul>"
        '<p><a href="https://example.org" rel="noreferrer">w</a></p>'
    )


def test_a_table_keeps_what_gives_it_its_shape(shown: Shown):
    article = shown(
        '<table class="x"><tbody><tr><th scope="row" colspan="2">R</th><td style="color:red">1</td></tr></tbody></table>'
    )

    assert '<tr><th scope="row" colspan="2">R</th><td>1</td></tr>' in article


@pytest.mark.parametrize(
    ("body", "article"),
    [
        ("<script>alert(1)</script>", ""),
        ("<style>p{}</style>", ""),
        ("<iframe src='https://example.org'/>", ""),
        ("<p onclick='alert(1)' style='x' id='a' class='b'>x</p>", "<p>x</p>"),
        ("<a href='javascript:alert(1)'>x</a>", "x"),
        ("<a href='JavaScript&#58;alert(1)'>x</a>", "x"),
        ("<a href='java&#10;script:alert(1)'>x</a>", "x"),
        ("<a href='data:text/html,x'>x</a>", "x"),
        ("<a href='//example.org'>x</a>", "x"),
        ("<a href='/\\example.org'>x</a>", "x"),
        ("<a href='http://[::1'>x</a>", "x"),
        (
            "<a href='https://example.org/?a=&quot;&gt;'>x</a>",
            '<a href="https://example.org/?a=&quot;&gt;" rel="noreferrer">x</a>',
        ),
        ("<form action='/'><input name='a'/>x</form>", "x"),
        ("<p>&lt;script&gt;</p>", "<p>&lt;script&gt;</p>"),
        ("<p><![CDATA[<script>]]></p>", "<p>&lt;script&gt;</p>"),
        ("<td colspan='\"&gt;'>x</td>", "<td>x</td>"),
        ("<time datetime='\"&gt;&lt;script&gt;'/>", "&quot;&gt;&lt;script&gt;"),
        ("<unknown>x<b>y</b></unknown>", "x<b>y</b>"),
    ],
)
def test_hostile_content_is_harmless(shown: Shown, body: str, article: str):
    assert shown(body) == article


def test_hostile_titles_and_comments_are_escaped(there: There, look: Asking):
    page_id = there.create_foreign("<script>alert(1)</script>")
    there.edit("<script>alert(1)</script>", "<p/>", message="<img src=x onerror=alert(1)>")

    pages = [look("/").text, look(f"/x/{page_id}").text, look("/display/REL/<script>").text]

    assert not any("<script>" in page or "<img" in page for page in pages)


def test_a_status_is_a_lozenge_in_its_colour(shown: Shown):
    assert shown(macro("status", colour="Green", title="DEPLOYED")) == '<span class="status green">DEPLOYED</span>'
    assert shown(macro("status", colour='"x', title="y"), "Other") == '<span class="status grey">y</span>'


@pytest.mark.parametrize("kind", ["info", "note", "warning", "tip", "panel"])
def test_a_panel_shows_its_title_and_body(shown: Shown, kind: str):
    article = shown(macro(kind, "<p>x</p>", title="T"))

    assert article == f'<div class="panel {kind}"><p><strong>T</strong></p><p>x</p></div>'


def test_a_date_is_written_for_people(shown: Shown):
    assert shown("<time datetime='2025-11-23'/>") == '<time datetime="2025-11-23">23 Nov 2025</time>'


def test_details_expand_code_and_unknown_macros_are_shown(shown: Shown):
    code = '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[a < b]]></ac:plain-text-body></ac:structured-macro>'
    body = macro("details", "<p>d</p>") + macro("expand", "<p>e</p>", title="More") + code + macro("jira", "<p>j</p>")

    article = shown(body)

    assert '<div class="properties"><p>d</p></div>' in article
    assert "<details><summary>More</summary><p>e</p></details>" in article
    assert "<code>a &lt; b</code>" in article
    assert "The macro “jira” is not shown by this stand-in.</div><p>j</p>" in article


def test_hidden_properties_and_excerpts_are_not_shown(shown: Shown):
    assert shown(macro("details", "<p>d</p>", hidden="true") + macro("excerpt", "<p>e</p>", hidden="true")) == ""


def test_a_page_is_linked_by_its_title(there: There, shown: Shown):
    page_id = there.create_foreign("Notes & more")
    known = '<ac:link><ri:page ri:content-title="Notes &amp; more" /></ac:link>'
    worded = known.replace(
        "</ac:link>", "<ac:plain-text-link-body><![CDATA[<here>]]></ac:plain-text-link-body></ac:link>"
    )
    unknown = '<ac:link><ri:page ri:content-title="Nothing" /></ac:link>'

    article = shown(f"<p>{known} {worded} {unknown}</p>")

    assert f'<a href="/wiki/spaces/REL/pages/{page_id}/Notes+%26+more">Notes &amp; more</a>' in article
    assert "&lt;here&gt;</a>" in article
    assert '<span class="missing">Nothing (no such page)</span>' in article


def test_contents_and_pages_below_are_listed(there: There, look: Asking):
    page_id = there.create_foreign("Parent", macro("toc") + "<h2>First part</h2>" + macro("children"))
    there.create_foreign("Child")
    there.move("Child", "Parent")

    page = look(f"/x/{page_id}").text

    assert f'<a href="#h-{page_id}-first-part">First part</a>' in page
    assert f'<h2 id="h-{page_id}-first-part">First part</h2>' in page
    assert page.count(">Child</a></li>") == 2


def test_an_included_page_is_shown_as_it_is_now(there: There, look: Asking):
    there.create_foreign("Patient UI - TEST", "<p>1.4.17</p>")
    there.create_foreign("TEST", include("Patient UI - TEST"))
    there.edit("Patient UI - TEST", "<p>1.4.18</p>")

    assert '<article><div class="included"><p>1.4.18</p></div></article>' in look("/display/REL/TEST").text


def test_an_excerpt_is_included_without_the_rest(there: There, shown: Shown):
    there.create_foreign(
        "Notes", "<p>rest</p>" + macro("excerpt", "<p>one</p>", name="a") + macro("excerpt", "<p>two</p>", name="b")
    )

    article = shown(include("Notes", "excerpt-include", name="b", nopanel="true"))
    missing = shown(include("Notes", "excerpt-include", name="c"), "Other")

    assert article == '<div class="included"><p>two</p></div>'
    assert "The page “Notes” has no excerpt “c”." in missing


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (include("Nothing"), "Cannot include “Nothing”: there is no such page."),
        (include("Page"), "Cannot include “Page”: it would include itself."),
        (macro("include"), "This include does not name a page."),
    ],
)
def test_an_include_that_cannot_be_says_why(shown: Shown, body: str, sentence: str):
    assert shown(body) == f'<div class="panel trouble">{sentence}</div>'


def test_pages_that_include_each_other_say_so(there: There, shown: Shown):
    there.create_foreign("Other", include("Page"))

    assert "Cannot include “Page”: it would include itself." in shown(include("Other"))


def test_a_page_that_includes_ever_more_pages_stops_somewhere(there: There, shown: Shown):
    for number in range(8):
        there.create_foreign(f"Level {number}", include(f"Level {number + 1}") * 4)

    assert "this page includes more than 100 others" in shown(include("Level 0"))


def test_what_nests_too_deeply_is_not_shown(there: There, shown: Shown):
    for number in range(12):
        there.create_foreign(f"Level {number}", "<b>" * 90 + include(f"Level {number + 1}") + "</b>" * 90)

    assert (
        shown(include("Level 0"))
        == '<div class="panel trouble">This page cannot be shown: too much is nested in it.</div>'
    )


def test_a_report_collects_page_properties_of_labelled_pages(there: There, shown: Shown, data_center: Asking):
    table = "<table><tbody><tr><th>Version</th><td>1.4.18</td></tr><tr><th>Other</th><td>x</td></tr></tbody></table>"
    page_id = there.create_foreign("Patient UI - TEST", macro("details", table, id="release"))
    data_center("POST", f"/rest/api/content/{page_id}/label", json=[{"prefix": "global", "name": "signalbox"}])

    stated = {
        "cql": "label = &quot;signalbox&quot;",
        "id": "release",
        "firstcolumn": "Component",
        "headings": "Version,None",
    }
    article = shown(macro("detailssummary", **stated))

    assert '<th scope="col">Component</th><th scope="col">Version</th><th scope="col">None</th>' in article
    assert ">Patient UI - TEST</a></th><td>1.4.18</td><td></td></tr>" in article


def test_the_same_heading_twice_has_one_id(there: There, shown: Shown):
    there.create_foreign("Notes", "<h2>Same</h2>")

    assert shown(include("Notes") * 2).count(" id=") == 1


def test_pages_are_only_for_reading(there: There, look: Asking):
    assert requests.post(f"{there.url}/", timeout=10).status_code == 405
