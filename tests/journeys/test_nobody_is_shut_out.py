"""Every page can be used with any device, size and scheme; and the watch that says so really sees."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, Page, expect

from accounts.models import User
from projects.models import Project
from publishing import sharing
from registry.builds import Build, Commit, WorkItem
from registry.evidence import attach, record_build
from registry.models import PackageVersion
from releases.actions import edit_notes
from tests.deployments.rows import failed, went_live
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_lone_project, a_release, a_stack, a_user, a_version, an_administrator
from tests.journeys.test_deployment_pages import PAGES as DEPLOYMENT_PAGES
from tests.journeys.test_deployment_pages import everything as deployments  # noqa: F401
from tests.journeys.test_deployment_pages import manager  # noqa: F401
from tests.registry.documents import CYCLONEDX, as_bytes, received

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

NewPage = Callable[..., Page]
Axe = Callable[..., list[str]]

PAGES = (
    "/",
    "/projects/shop/",
    "/projects/website/",
    "/projects/ui/",
    "/projects/shop/compare/?from=1.0.0&to=1.2.0",
    "/projects/shop/compare/?from=1.2.0&to=1.0.0",
    "/projects/website/compare/",
    "/projects/shop/releases/create/",
    "/projects/shop/releases/1.0.0/",
    "/projects/shop/releases/1.1.0/",
    "/projects/shop/releases/1.1.0/request/?environment=test",
    "/projects/shop/releases/1.2.0/request/?environment=prod",
    "/projects/ui/releases/1.1.0/request/?environment=prod",
    "/projects/shop/releases/1.0.0/notes/",
    "/projects/shop/environments/test/",
    "/projects/shop/environments/prod/",
    "/projects/ui/environments/prod/",
    "/projects/website/environments/test/",
    "/projects/shop/environments/prod/coming/",
    "/projects/shop/environments/test/coming/?release=1.0.0",
    "/projects/shop/sharing/",
    "/projects/nowhere/",
    "/packages/ui/1.1.0/",
    "/messages/",
    "/messages/?stack=shop",
)
WRITTEN = """\
# Wards

Patients see **their** ward, and [where it is](https://wards.example.com/).

- Ward and bed
    1. on the first page
- ~~Room~~

> Said by many.

| Ward | Beds |
|------|-----:|
| A    | 12   |

```
a line of code that is far too long to fit on a phone, so that it has to be broken somewhere, wherever that may be
```

Averylongwordwithoutanyspaceinitthatwouldpushthepagewiderthanthescreenofanyphone-Averylongwordwithoutanyspaceinit
"""
# Not innerWidth: a phone zooms out until everything fits, and then that has grown along.
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def everything() -> User:
    """A stack in every state that a grid can show, and the person who may do the most with it."""
    shop = a_stack("Shop", components={"API": 1, "UI": 2})
    for version in ("1.0.0", "1.2.0"):  # so many that some are folded
        a_version("api", version, contents={f"component-number-{n}": version for n in range(12)} | {version: "1"})
    a_version("ui", "1.1.0", contents={"texts": "1.0.0"})
    first, second = a_release(shop, "1.0.0", api="1.0.0", ui="1.0.0"), a_release(shop, "1.1.0", api="1.0.0", ui="1.1.0")
    tell_everything(a_version("ui", "1.1.0"))
    edit_notes(second, WRITTEN, by=a_manager())
    went_live(first)
    went_live(first, "PROD")
    went_live(second)
    went_live(second.components.get(component__slug="ui").release, "PROD")
    failed(a_release(shop, "1.2.0", api="1.2.0", ui="1.2.0"))
    a_release(a_lone_project("Website"))
    otto = a_gate("PROD")
    for role in ("release_manager", "administrator"):
        otto.memberships.get_or_create(role=role)
    requested(second, "PROD")
    return otto


def tell_everything(version: PackageVersion) -> None:
    """A build with more work items than are shown at once, and an attachment."""
    items = tuple(WorkItem(f"PP-{number}", "Wards", f"https://t.example.com/{number}") for number in range(12))
    commits = (Commit("7fd1a60b01f91b314f59955a4e4d4e80d8edf11d", "Show the ward", "ann"),)
    facts = Build("57", "https://ci.example.com/57", "CI", "main", commits[0].id, commits=commits, work_items=items)
    record_build(version.package.name, version.version, facts, version.published_by)
    attach(version, received(as_bytes(CYCLONEDX)), "bom.json", version.published_by)


def problems_of(page: Page, axe: Axe, *addresses: str) -> list[str]:
    """What is not accessible on these pages, and whether they are wider than the screen."""
    problems = []
    for address in addresses:
        page.goto(address)
        problems += [f"{address}: {problem}" for problem in axe(page)]
        problems += [f"{address}: wider than the screen"] if page.evaluate(WIDER) else []
    return problems


def too_wide(page: Page, *addresses: str) -> list[str]:
    return [address for address in addresses if page.goto(address) and page.evaluate(WIDER)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", ["desktop", "phone"])
def test_every_page_is_accessible(new_page: NewPage, axe: Axe, everything, viewport, scheme):
    page = new_page(viewport=viewport, scheme=scheme, user=everything)

    assert problems_of(page, axe, *PAGES) == []


def shared_pages() -> list[str]:
    """What whoever has the link of the shop reads; everything on it, and a link that leads nowhere."""
    shop = Project.objects.get(slug="shop")
    sharing.switch_on(shop, by=an_administrator(), names_people=True)
    page = urlsplit(sharing.sharing_of(shop).url).path
    return [page, f"{page}test/", f"{page}prod/", f"{page}nowhere/"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", ["desktop", "phone", "narrow"])
def test_what_is_read_by_a_link_is_accessible(new_page: NewPage, axe: Axe, everything, viewport, scheme):
    page = new_page(viewport=viewport, scheme=scheme)

    assert problems_of(page, axe, *shared_pages()) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_preview_of_notes_is_accessible(new_page: NewPage, axe: Axe, everything, scheme):
    page = new_page(viewport="phone", scheme=scheme, user=everything)
    page.goto("/projects/shop/releases/1.1.0/notes/")

    page.get_by_role("button", name="Preview").click()

    expect(page.get_by_role("heading", name="Wards")).to_be_visible()
    assert axe(page) == []
    assert not page.evaluate(WIDER)


def test_a_preview_of_notes_needs_no_scripts(new_page: NewPage, everything):
    page = new_page(js=False, user=everything)
    page.goto("/projects/shop/releases/1.1.0/notes/")

    page.get_by_label("Notes").fill("# Beds")
    page.get_by_role("button", name="Preview").click()

    expect(page.get_by_role("heading", name="Beds")).to_be_visible()
    expect(page.get_by_label("Notes")).to_have_value("# Beds")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", ["desktop", "phone"])
def test_the_door_is_accessible_also_with_errors(new_page: NewPage, axe: Axe, viewport, scheme):
    page = new_page(viewport=viewport, scheme=scheme)
    problems = problems_of(page, axe, "/sign-in/")

    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()

    assert problems + axe(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_refused_form_is_accessible(new_page: NewPage, axe: Axe, everything, scheme):
    page = new_page(scheme=scheme, viewport="phone", user=everything)
    page.goto("/projects/ui/releases/1.1.0/request/?environment=test")

    page.locator("main form button").click()
    page.get_by_role("alert").wait_for()

    assert axe(page) == []
    assert not page.evaluate(WIDER)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_empty_portal_is_accessible(new_page: NewPage, axe: Axe, scheme):
    administrator, stranger = an_administrator(), a_user("stranger")

    first_steps = problems_of(new_page(scheme=scheme, user=administrator), axe, "/")
    nothing = problems_of(new_page(scheme=scheme, viewport="phone", user=stranger), axe, "/")

    assert first_steps + nothing == []


def test_nothing_is_wider_than_the_smallest_screen(new_page: NewPage, everything):
    page = new_page(viewport="narrow", user=everything)

    assert too_wide(page, *PAGES) == []


def test_no_page_of_a_deployment_is_wider_than_the_smallest_screen(new_page: NewPage, manager, deployments):  # noqa: F811
    page = new_page(viewport="narrow", user=manager)

    assert too_wide(page, *(address.format(**deployments) for address in DEPLOYMENT_PAGES)) == []


# -- the watch itself -------------------------------------------------------------------------------------------------


def test_the_watch_sees_what_is_not_accessible(new_page: NewPage, axe: Axe, everything):
    page = new_page(user=everything)
    page.goto("/")

    page.evaluate("document.querySelector('main').append(Object.assign(new Image(), {src: '/static/icons/check.svg'}))")

    assert [problem.split()[1] for problem in axe(page)] == ["image-alt"]


def test_the_watch_sees_what_is_too_wide(new_page: NewPage, everything):
    page = new_page(viewport="narrow", user=everything)
    page.goto("/")

    page.evaluate("document.querySelector('h1').textContent = 'x'.repeat(200)")

    assert page.evaluate(WIDER)


@pytest.mark.allow_problems
def test_the_watch_sees_a_violation_of_the_policy(new_page: NewPage, everything):
    page = new_page(user=everything)
    page.goto("/")

    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.in = 1'}))"
    )

    assert len(page.problems) == 2
    assert page.evaluate("window.in") is None


@pytest.mark.allow_problems
def test_the_watch_sees_what_leaves_the_machine(new_page: NewPage, everything):
    page = new_page(user=everything)

    with pytest.raises(Error, match="ERR_FAILED"):
        page.goto("http://elsewhere.example/")

    assert page.problems == ["left the machine: http://elsewhere.example/"]
