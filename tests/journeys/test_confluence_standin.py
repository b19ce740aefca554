"""Whoever tries publishing without Confluence reads the pages of the stand-in, with any device and scheme."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.test_nobody_is_shut_out import problems_of
from tests.publishing.confluence_server import There, confluence

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

STATUSES = "".join(
    f'<ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">{colour}</ac:parameter>'
    f'<ac:parameter ac:name="title">{colour} STATE</ac:parameter></ac:structured-macro> '
    for colour in ("Grey", "Red", "Yellow", "Green", "Blue", "Purple")
)
PANELS = "".join(
    f'<ac:structured-macro ac:name="{name}"><ac:rich-text-body><p>About <a href="https://example.org">it</a>.</p>'
    "</ac:rich-text-body></ac:structured-macro>"
    for name in ("info", "note", "warning", "tip", "panel")
)
CELLS = "".join(f"<td>a-rather-long-version-{number}.0.0</td>" for number in range(12))
PAGE = f"""\
<ac:structured-macro ac:name="toc" /><h2>What is there</h2><p>{STATUSES}</p>{PANELS}<h2>Versions</h2>
<table><tbody><tr><th scope="row">Version</th>{CELLS}</tr>
<tr><th scope="row">Since</th><td><time datetime="2025-11-23" /></td></tr></tbody></table>
<ac:structured-macro ac:name="unknown" />
<ac:structured-macro ac:name="expand"><ac:rich-text-body><p>More</p>
</ac:rich-text-body></ac:structured-macro>"""
INCLUDE = """\
<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link><ri:page ri:content-title="{}" /></ac:link>
</ac:parameter></ac:structured-macro>"""


@pytest.fixture
def there() -> Iterator[There]:
    """A wiki with a page that shows everything, which another one includes, and one in the trash."""
    with confluence() as there:
        page_id = there.create_foreign("Patient UI - TEST", PAGE)
        there.edit("Patient UI - TEST", PAGE, message="2026.11.2")
        there.wiki.add_labels(there.account, page_id, ["signalbox", "release"])
        there.create_foreign("TEST", INCLUDE.format("Patient UI - TEST") + INCLUDE.format("Nothing"))
        there.move("Patient UI - TEST", "TEST")
        there.create_foreign("Old notes")
        there.trash("Old notes")
        yield there


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", ["desktop", "phone", "narrow"])
def test_every_page_of_the_stand_in_is_accessible(
    new_page: Callable[..., Page], axe: Callable[..., list[str]], there: There, viewport: str, scheme: str
):
    page = new_page(viewport=viewport, scheme=scheme)
    paths = ("/", "/wiki/spaces/REL", "/display/REL/TEST", "/display/REL/Patient+UI+-+TEST", "/nowhere")
    older = f"/x/{there.page('Patient UI - TEST').id}?version=1"

    assert problems_of(page, axe, *[there.url + path for path in (*paths, older)]) == []


def test_a_reader_comes_from_the_tree_to_the_release_that_changed_a_page(new_page: Callable[..., Page], there: There):
    page = new_page(js=False)
    page.goto(there.url)

    page.get_by_role("link", name="Patient UI - TEST").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Patient UI - TEST")
    expect(page.get_by_role("row", name="2026.11.2")).to_be_visible()
    expect(page.get_by_text("GREEN STATE", exact=False).first).to_be_visible()
