"""Whoever has the link reads which version is where, and nothing else; everything that is wrong is answered alike."""

import pytest
from django.test import Client
from django.urls import reverse

from projects.models import Project
from publishing import sharing
from registry import evidence
from registry.builds import Build, Commit, WorkItem
from releases import actions
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, approved, run_out, went_live
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_release, a_service_account, a_stack, a_user, a_version, an_administrator, an_environment
from tests.portal.pages import errors_of, opened, said, title_of

pytestmark = pytest.mark.django_db

SHARED = ("shared", "shared-place", "shared-feed")


@pytest.fixture
def shop() -> Project:
    shop = a_rows_shop()
    went_live(a_release(shop, "1.0.0", api="1.0.0", ui="1.0.0"))
    a_version("ui", "2.0.0", contents={"patient-api": "1.4.114"})
    build = Build(
        commits=(Commit("7fd1a60b01f91b31", "Show the ward", "carla"),),
        work_items=(WorkItem("S-1", "Show the ward", "https://t.example.com/S-1"),),
    )
    evidence.record_build("ui", "2.0.0", build, a_service_account())
    release = a_release(shop, "1.1.0", api="1.0.0", ui="2.0.0")
    actions.edit_notes(release, "Bookings for **children**.", by=a_manager())
    otto = a_gate("TEST")
    approved(requested(release), otto, "Looks good to me.")
    run_out()
    return shop


def the_link(project: Project, **options: bool) -> str:
    """The token of the page, which is switched on."""
    sharing.switch_on(project, by=an_administrator(), **({"names_people": False} | options))
    return sharing.sharing_of(project).url.rstrip("/").rpartition("/")[2]


def address(page: str, token: str, environment: str = "test") -> str:
    return reverse(f"portal:{page}", args=[token, *([environment] if page != "shared" else [])])


# -- what is on it ----------------------------------------------------------------------------------------------------


def test_it_says_which_version_is_where(shop):
    response = Client().get(address("shared", the_link(shop)))

    assert title_of(response) == "Shop"
    assert "Release of the stack 1.1.0 Deployed just now" in said(response)
    assert "UI 2.0.0 Deployed just now" in said(response)
    assert "patient-api 1.4.114" in said(response)


def test_it_says_what_is_live_in_an_environment_and_what_it_brought(shop):
    response = Client().get(address("shared-place", the_link(shop)))

    assert title_of(response) == "Shop in TEST"
    assert "Shop 1.1.0 Bookings for children." in said(response)
    assert "S-1 Show the ward" in said(response)
    assert "UI patient-api 1.4.114 2.0.0" in said(response)


def test_it_has_a_feed_that_leads_back_to_it(shop):
    token = the_link(shop)

    response = Client().get(address("shared-feed", token))

    assert response.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert "Shop 1.1.0 is live in TEST" in response.content.decode()
    assert "/projects/" not in response.content.decode()
    assert f"http://testserver{address('shared-place', token)}" in response.content.decode()


def test_a_reader_that_has_the_feed_gets_nothing_again(shop):
    at = address("shared-feed", the_link(shop))
    there = Client().get(at)

    again = Client().get(at, headers={"if-none-match": there.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_nobody_is_named_unless_that_was_chosen(shop):
    quiet = said(Client().get(address("shared-place", the_link(shop))))
    speaking = said(Client().get(address("shared-place", the_link(shop, names_people=True))))

    assert "One approval," in quiet
    assert "otto" not in quiet
    assert "Looks good" not in quiet
    assert "otto, as " in speaking
    assert "“Looks good to me.”" in speaking


@pytest.mark.parametrize("page", SHARED)
def test_it_leads_nowhere_into_signalbox_and_shows_nothing_technical(shop, page):
    token = the_link(shop)

    told = Client().get(address(page, token)).content.decode()

    assert not [
        word for word in ("/projects/", "/deployments/", "/packages/", "7fd1a60b", "carla", "csrf") if word in told
    ]
    assert 'href="/"' not in told


@pytest.mark.parametrize("page", SHARED)
@pytest.mark.parametrize("signed_in", [False, True])
def test_it_sets_no_cookie_is_kept_nowhere_and_tells_nobody_where_readers_come_from(shop, page, signed_in):
    client = Client()
    if signed_in:
        client.force_login(a_user("stranger"))

    response = client.get(address(page, the_link(shop)))

    assert response.status_code == 200
    assert not response.cookies
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Robots-Tag"].startswith("noindex")
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("page", SHARED)
def test_it_only_answers_questions(shop, page):
    at = address(page, the_link(shop))

    assert Client().head(at).status_code == 200
    assert [getattr(Client(), method)(at).status_code for method in ("post", "put", "delete")] == [405] * 3


# -- what is wrong ----------------------------------------------------------------------------------------------------


def wrong_links(shop: Project) -> list[str]:
    other = a_stack("Kiosk", components={"Till": 1})
    gone = the_link(other)
    sharing.switch_off(other, by=an_administrator())
    an_environment("QA")
    token = the_link(shop)
    return [
        address("shared", "a" * 43),
        address("shared", token[:-1]),
        address("shared", f"{token}A"),
        address("shared", token.swapcase()),
        address("shared", gone),
        address("shared-place", gone),
        address("shared-place", token, "qa"),
        address("shared-place", token, "nowhere"),
        address("shared-feed", "a" * 43),
        address("shared-feed", token, "qa"),
    ]


def test_whatever_is_wrong_is_answered_alike(shop):
    answers = [Client().get(link) for link in wrong_links(shop)]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1
    assert "This link does not lead anywhere, or not any more." in said(answers[0])


def test_switching_it_off_ends_it_at_once(shop):
    token = the_link(shop)
    sharing.switch_off(shop, by=an_administrator())

    assert Client().get(address("shared", token)).status_code == 404


# -- switching --------------------------------------------------------------------------------------------------------


@pytest.fixture
def administrator(client: Client):
    administrator = an_administrator()
    client.force_login(administrator)
    return administrator


def test_an_administrator_switches_it_on_and_sees_the_link(client, administrator, shop):
    response = client.post("/projects/shop/sharing/", {"do": "on", "names_people": "on"}, follow=True)

    link = sharing.sharing_of(shop).url
    assert "Whoever has the link may read the page from now on." in said(response)
    assert f'value="{link}"' in response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]
    assert shop.shared_page.names_people


def test_an_administrator_makes_a_new_link_and_switches_it_off(client, administrator, shop):
    old = the_link(shop)

    renewed = said(client.post("/projects/shop/sharing/", {"do": "renew"}, follow=True))
    switched_off = said(client.post("/projects/shop/sharing/", {"do": "off"}, follow=True))

    assert "There is a new link. The old one leads nowhere from now on." in renewed
    assert "It is not shared any more: the link leads nowhere from now on." in switched_off
    assert "It is not shared Off" in switched_off.replace("Nothing deployed yet", "")
    assert Client().get(address("shared", old)).status_code == 404


@pytest.mark.parametrize("posted", [{}, {"do": "explode"}])
def test_a_post_without_a_button_is_refused(client, administrator, shop, posted):
    response = client.post("/projects/shop/sharing/", posted)

    assert response.status_code == 422
    assert errors_of(response) == ["Use one of the buttons, so that it is clear what to do."]


def test_what_cannot_be_done_is_said(client, administrator, shop):
    renewing = client.post("/projects/shop/sharing/", {"do": "renew"})
    component = client.post("/projects/ui/sharing/", {"do": "on"})

    assert errors_of(renewing) == ["The page of Shop is switched off, so that it has no link. Switch it on."]
    assert errors_of(component) == ["UI is a component: share the page of Shop, which shows it."]


def test_only_an_administrator_is_led_there(client, shop):
    client.force_login(an_administrator())
    assert "/projects/shop/sharing/" in opened(client, "project", "shop").content.decode()

    client.force_login(a_manager())
    assert "/projects/shop/sharing/" not in opened(client, "project", "shop").content.decode()


def test_the_administration_shows_what_is_shared_and_no_link(client, administrator, shop):
    token = the_link(shop)

    listed = client.get("/admin/publishing/sharedpage/").content.decode()

    assert "/projects/shop/sharing/" in listed
    assert token not in listed
    assert shop.shared_page.digest not in listed


def test_templates_are_checked_in_the_administration(client, administrator, shop):
    form = {"project": shop.pk, "text": "{nonsense}"}

    refused = client.post("/admin/publishing/notestemplate/add/", form)
    taken = client.post("/admin/publishing/notestemplate/add/", form | {"text": "{notes}"})

    assert "{nonsense}: there is no such placeholder." in refused.content.decode()
    assert taken.status_code == 302
    assert shop.notes_template.text == "{notes}"
