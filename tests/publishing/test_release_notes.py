"""The release notes as one text: everything that comes, in the form that the stack's template gives it."""

import pytest
from django.utils import timezone

from deployments.models import LiveVersion
from projects.models import Project
from publishing.models import NotesTemplate
from publishing.notes import rolled_up, rolled_up_live
from registry import evidence
from registry.builds import Build, WorkItem
from releases import actions
from releases.notes import rendered
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, went_live
from tests.deployments.scenes import a_manager
from tests.factories import a_release, a_service_account, a_version, an_environment

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Project:
    shop = a_rows_shop()
    went_live(a_release(shop, "1.0.0", api="1.0.0", ui="1.0.0"))
    a_version("ui", "2.0.0")
    items = (WorkItem("S-1", "Show the [ward]", "https://t.example.com/S-1"), WorkItem("S-2", "Larger *type*"))
    evidence.record_build("ui", "2.0.0", Build(work_items=items), a_service_account())
    return shop


def the_next(shop: Project, notes: str = "## Bookings\n\nFor children."):
    release = a_release(shop, "1.1.0", api="1.0.0", ui="2.0.0")
    actions.edit_notes(release, notes, by=a_manager())
    return release


def test_the_usual_form_says_everything(shop, settings):
    settings.BASE_URL = "https://signalbox.example.com"
    today = timezone.localtime()

    assert rolled_up(the_next(shop), an_environment("TEST")) == (
        f"# Shop 1.1.0 in TEST\n\n{today.day} {today:%B %Y}"
        " · <https://signalbox.example.com/projects/shop/releases/1.1.0/>\n\n"
        "## What it brings\n\n### Shop 1.1.0\n\n#### Bookings\n\nFor children.\n\n"
        "## Work items\n\n"
        "- [S-1](<https://t.example.com/S-1>) Show the \\[ward\\]\n- S-2 Larger \\*type\\*\n\n"
        "## Components\n\n- UI: 1.0.0 → 2.0.0\n"
    )


def test_what_is_live_tells_what_it_brought(shop):
    went_live(the_next(shop))

    told = rolled_up_live(LiveVersion.objects.now().select_related("release__project", "environment").get(project=shop))

    assert "#### Bookings" in told
    assert "- UI: 1.0.0 → 2.0.0" in told


def test_a_rollback_says_what_is_taken_back(shop):
    went_live(the_next(shop))

    told = rolled_up(shop.releases.get(number="1.0.0"), an_environment("TEST"))

    assert "## What it brings" not in told
    assert "## Taken back\n\n### Shop 1.1.0\n\n#### Bookings" in told
    assert "- UI: 2.0.0 → 1.0.0, rolled back" in told


def test_the_stack_s_template_gives_the_form_also_to_its_components(shop):
    NotesTemplate.objects.create(project=shop, text="{stack} goes to {environment}, instead of {replaces}: {notes}")
    release = the_next(shop)
    component = release.components.get(component__slug="ui").release

    assert rolled_up(release, an_environment("TEST")).startswith("Shop goes to TEST, instead of 1.0.0: ### Shop 1.1.0")
    assert rolled_up(component, an_environment("TEST")) == (
        "UI goes to TEST, instead of 1.0.0: Nobody has written notes for it.\n"
    )


def test_notes_that_leave_a_block_open_swallow_nothing(shop):
    told = rendered(rolled_up(the_next(shop, "```\nleft open"), an_environment("TEST")))

    assert "<h4>Work items</h4>" in told


def test_titles_of_work_items_are_words_and_never_markup(shop):
    a_version("ui", "3.0.0")
    hostile = (WorkItem("S-1", "[x](javascript:alert(1)) <script>\n# Heading"),)
    evidence.record_build("ui", "3.0.0", Build(work_items=hostile), a_service_account())

    told = rendered(rolled_up(a_release(shop, api="1.0.0", ui="3.0.0"), an_environment("TEST")))

    assert "<script" not in told
    assert "javascript:alert(1)) &lt;script&gt; # Heading" in told
