"""Administrators connect a Confluence, choose pages, test, see how each page stands, and publish again."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Event
from publishing.models import Connection, Publication, StackPublishing
from tests.deployments.rows import a_rows_shop
from tests.factories import a_component, a_connection, a_publishing, a_stack, a_user, an_administrator
from tests.projects.doors import add, address, change, says
from tests.publishing.confluence.scenes import Site, a_live_shop, publication, states, titles

pytestmark = pytest.mark.django_db
WIKI = {
    "name": "Wiki",
    "slug": "wiki",
    "dialect": "data-center",
    "url": "https://confluence.example.com",
    "username": "",
    "new_secret": "a t0ken".replace(" ", "-"),
    "enabled": "on",
}
TITLES = {
    "component_title": "{component} - {environment}",
    "environment_title": "{stack} - {environment}",
    "stack_title": "{stack}",
    "release_title": "{stack} {release}",
}
PAGES = {"component_pages": "on", "environment_pages": "on", "stack_page": "on", "release_pages": "on"}


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(an_administrator())
    return client


def test_a_form_connects_a_confluence(admin):
    add(admin, Connection, **WIKI)

    connection = Connection.objects.get()
    assert (connection.url, connection.plaintext) == ("https://confluence.example.com", "a-t0ken")
    assert connection.secret.startswith("gAAAA")


def test_the_token_is_never_shown_or_written_down(admin):
    add(admin, Connection, **WIKI)

    page = admin.get(address(Connection, "change", Connection.objects.get().pk)).content.decode()

    assert "a-t0ken" not in page
    assert not [event for event in Event.objects.all() if "a-t0ken" in f"{event.sentence}{event.data}"]


def test_an_empty_token_keeps_the_stored_one(admin):
    add(admin, Connection, **WIKI)

    change(admin, Connection.objects.get(), **WIKI | {"name": "The wiki", "new_secret": ""})

    connection = Connection.objects.get()
    assert (connection.name, connection.plaintext) == ("The wiki", "a-t0ken")


def test_a_stored_token_is_not_sent_to_another_address(admin):
    add(admin, Connection, **WIKI)

    response = change(admin, Connection.objects.get(), **WIKI | {"url": "https://elsewhere.example", "new_secret": ""})

    assert "is sent nowhere else. Enter the one for the new address." in response.content.decode()
    assert Connection.objects.get().url == WIKI["url"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"url": "confluence.example.com"}, "Enter the whole address of the site"),
        ({"url": "ftp://confluence.example.com"}, "Enter the whole address of the site"),
        ({"url": "https://ann:pw@confluence.example.com"}, "The address holds a user name or a password."),
        ({"url": "https://confluence.example.com/?x=1"}, "The address of a site has neither “?” nor “#” in it."),
        ({"url": "https://shop.atlassian.net/wiki"}, "shop.atlassian.net is Confluence Cloud. Choose that kind."),
        ({"dialect": "cloud"}, "Confluence Cloud signs in with the e-mail address of the account and an API token."),
        ({"new_secret": ""}, "Enter the token or password that the account signs in with."),
        ({"dialect": "wiki"}, "Select a valid choice."),
    ],
)
def test_a_connection_that_cannot_work_is_refused(admin, wrong, sentence):
    response = add(admin, Connection, **WIKI | wrong)

    assert sentence in response.content.decode()
    assert not Connection.objects.exists()


def test_a_form_chooses_the_pages_of_a_stack(admin):
    connection, shop = a_connection(), a_stack("Shop")

    add(admin, StackPublishing, project=shop.pk, connection=connection.pk, space="REL", **PAGES, **TITLES, enabled="on")

    assert StackPublishing.objects.get().project == shop


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"component_title": "{component}"}, "{environment} is missing, so that several pages would have this title."),
        ({"stack_title": "{release}"}, "{release} stands for nothing here. Use {stack}."),
        ({"component_pages": None}, "The page per environment shows the pages per component"),
        ({"space": "a b"}, "A space key holds letters and digits"),
        ({"space": ".."}, "A space key holds letters and digits"),
        ({"space": "../../x"}, "A space key holds letters and digits"),
        ({"parent_page": "Home"}, "The number of a page holds digits only."),
    ],
)
def test_pages_that_cannot_work_are_refused(admin, wrong, sentence):
    connection, shop = a_connection(), a_stack("Shop")
    fields = {"project": shop.pk, "connection": connection.pk, "space": "REL", **PAGES, **TITLES}

    response = add(admin, StackPublishing, **fields | wrong)

    assert says(response, sentence)
    assert not StackPublishing.objects.exists()


def test_a_component_is_published_with_its_stack(admin):
    connection, component = a_connection(), a_component(a_stack("Shop"), "UI")

    add(admin, StackPublishing, project=component.pk, connection=connection.pk, space="REL", **PAGES, **TITLES)

    assert not StackPublishing.objects.exists()


def test_every_page_is_listed_with_how_it_stands(admin, data_center: Site):
    data_center.there.create_foreign("UI - TEST")
    a_live_shop(data_center)
    data_center.round()

    page = admin.get(address(Publication, "changelist")).content.decode()

    assert "Component: UI in TEST" in page
    assert "Not made yet" in page
    assert "Up to date" in page
    assert "Needs somebody" in page
    assert "that Signalbox did not make" in page
    assert f"{data_center.there.url}/pages/viewpage.action?pageId=" in page


def test_a_page_is_looked_at_one_by_one(admin, data_center: Site):
    a_live_shop(data_center)
    data_center.round()

    response = admin.get(address(Publication, "change", publication("UI - TEST").pk))

    assert response.status_code == 200


def test_a_page_is_published_again_when_somebody_asks(admin, data_center: Site):
    a_live_shop(data_center)
    data_center.round()
    data_center.there.edit("UI - TEST", "<p>Mine.</p>")
    asked = {"action": "publish_now", "_selected_action": [publication("UI - TEST").pk]}

    said = admin.post(address(Publication, "changelist"), asked, follow=True).content.decode()
    data_center.round()

    assert "1 page is published by a worker within seconds." in said
    assert "Mine." not in data_center.there.page("UI - TEST").body
    assert Event.objects.filter(verb="publication.requested", actor__username="admin").count() == 1


def test_a_page_that_nobody_keeps_is_not_published(admin, data_center: Site):
    a_live_shop(data_center)
    data_center.round()
    StackPublishing.objects.update(enabled=False)
    data_center.round()
    asked = {"action": "publish_now", "_selected_action": list(Publication.objects.values_list("pk", flat=True))}

    said = admin.post(address(Publication, "changelist"), asked, follow=True).content.decode()

    assert "5 pages are no longer kept up to date" in said
    assert set(states().values()) == {"withdrawn"}


def test_saving_a_connection_tries_what_is_in_trouble_at_once(admin, data_center: Site):
    a_live_shop(data_center)
    connection = Connection.objects.get()
    connection.set_secret("expired")
    connection.save()
    data_center.round()

    fields = WIKI | {"url": data_center.there.data_center_url, "new_secret": data_center.there.token}
    change(admin, connection, **fields)
    data_center.round()

    assert set(states().values()) == {"current"}


def test_the_publishing_of_a_stack_can_be_deleted_and_its_pages_stay(admin, data_center: Site):
    shop, _ = a_live_shop(data_center)
    data_center.round()

    admin.post(address(StackPublishing, "delete", shop.publishing.pk), {"post": "yes"})

    assert not Publication.objects.exists()
    assert len(titles(data_center.there)) == 5


def test_a_connection_that_is_used_is_not_deleted(admin):
    a_publishing(a_rows_shop(), a_connection())

    response = admin.post(address(Connection, "delete", Connection.objects.get().pk), {"post": "yes"})

    assert response.status_code == 200
    assert Connection.objects.exists()


def probed(admin: Client, connection: Connection, **fields: str) -> str:
    url = reverse("admin:publishing_connection_test", args=[connection.pk])
    return admin.post(url, {"space": "REL", "parent": ""} | fields).content.decode()


def test_a_connection_that_works_is_said_to_work_and_leaves_nothing_behind(admin, site: Site):
    said = probed(admin, site.connected())

    assert "Everything works" in said
    assert titles(site.there) == []
    assert site.there.violations() == []


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ({"secret": "wrong"}, "does not accept the user name and token"),
        ({"url": "http://127.0.0.1:1"}, "127.0.0.1:1 cannot be reached"),
    ],
)
def test_a_connection_that_does_not_work_says_what_does_not(admin, site: Site, trouble, sentence):
    said = probed(admin, site.connected(**trouble))

    assert "Not everything works" in said
    assert sentence in said
    assert "Not tried." in said


def test_a_space_that_the_account_does_not_see_is_said(admin, site: Site):
    said = probed(admin, site.connected(), space="NONE")

    assert "has no space NONE" in said
    assert titles(site.there) == []


def test_a_space_in_which_the_account_may_only_read_is_said(admin, site: Site):
    site.there.account.read_only.add("REL")

    said = probed(admin, site.connected())

    assert "Give the account the right to add and edit pages" in said


def test_a_test_page_that_cannot_be_removed_is_named(admin, site: Site):
    site.there.faults.next(1, status=403, methods=("DELETE",))

    said = probed(admin, site.connected())

    assert "Publishing needs no right to delete; remove the page “Signalbox test" in said


def test_a_test_is_on_record(admin, site: Site):
    probed(admin, site.connected())

    assert Event.objects.filter(sentence__endswith="tested, everything works").count() == 1


def test_only_administrators_test(client, site: Site):
    client.force_login(a_user("mia", role="release_manager"))

    response = client.post(reverse("admin:publishing_connection_test", args=[site.connected().pk]), {"space": "REL"})

    assert response.status_code == 403
    assert site.there.requests == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"space": ""}, "This field is required."),
        ({"space": "../x"}, "A space key holds letters and digits"),
        ({"parent": "Home"}, "The number of a page holds digits only."),
    ],
)
def test_a_test_that_says_no_place_asks_for_it(admin, site: Site, wrong, sentence):
    assert sentence in probed(admin, site.connected(), **wrong)
    assert site.there.requests == []
