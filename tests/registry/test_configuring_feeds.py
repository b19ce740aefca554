"""Connecting an outside store: by a form or by a file, with the same refusals, and a password that nobody reads again."""

import pytest
from django.test import Client

from accounts.models import Event
from config.encryption import decrypt
from registry.models import Feed
from releases.blueprint import BlueprintRefused
from tests.factories import an_administrator, an_outside_feed
from tests.projects.doors import add, applied, change
from tests.registry.stores import a_store

pytestmark = pytest.mark.django_db
EXCHANGE = {
    "name": "Anypoint Exchange",
    "slug": "exchange",
    "kind": "maven",
    "url": "https://maven.example/api/v3/maven",
    "poll_seconds": "60",
    "enabled": "on",
}
FILE = "feeds: [{slug: exchange, name: Exchange, kind: maven, url: 'https://maven.example', %s}]"


@pytest.fixture
def admin(client: Client) -> Client:
    user = an_administrator()
    user.is_staff = True
    user.save()
    client.force_login(user)
    return client


def said(response) -> str:
    return response.content.decode()


def test_a_form_connects_a_store(admin):
    add(admin, Feed, **EXCHANGE, username="ann", new_secret="s3cret word")

    feed = Feed.objects.get(slug="exchange")
    assert (feed.kind, feed.url, feed.poll_seconds, feed.plaintext) == ("maven", EXCHANGE["url"], 60, "s3cret word")
    assert feed.secret.startswith("gAAAA")


def test_the_password_is_never_shown_or_written_down(admin):
    add(admin, Feed, **EXCHANGE, username="ann", new_secret="s3cret word")
    feed = Feed.objects.get(slug="exchange")

    page = said(admin.get(f"/admin/registry/feed/{feed.pk}/change/"))

    assert "s3cret" not in page
    assert not [event for event in Event.objects.all() if "s3cret" in event.sentence or "s3cret" in str(event.data)]


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/maven", "https://maven.example:8443/", "http://maven.example/"]
)
def test_a_stored_password_is_not_sent_to_another_address(admin, url):
    add(admin, Feed, **EXCHANGE, username="ann", new_secret="s3cret word")
    feed = Feed.objects.get(slug="exchange")

    response = change(admin, feed, **EXCHANGE | {"url": url}, username="ann", new_secret="")

    assert "is sent nowhere else. Enter the one for the new address." in said(response)
    feed.refresh_from_db()
    assert feed.url == EXCHANGE["url"]


def test_a_password_for_the_new_address_goes_there(admin):
    add(admin, Feed, **EXCHANGE, username="ann", new_secret="s3cret word")
    feed = Feed.objects.get(slug="exchange")

    change(admin, feed, **EXCHANGE | {"url": "https://elsewhere.example/maven"}, username="ann", new_secret="another")

    feed.refresh_from_db()
    assert (feed.url, feed.plaintext) == ("https://elsewhere.example/maven", "another")


def test_an_empty_password_keeps_the_stored_one(admin):
    add(admin, Feed, **EXCHANGE, username="ann", new_secret="s3cret word")
    feed = Feed.objects.get(slug="exchange")

    change(admin, feed, **EXCHANGE | {"name": "Exchange"}, username="ann", new_secret="")

    feed.refresh_from_db()
    assert (feed.name, feed.plaintext) == ("Exchange", "s3cret word")


def test_a_stored_password_can_be_forgotten(admin):
    add(admin, Feed, **EXCHANGE, new_secret="s3cret word")
    feed = Feed.objects.get(slug="exchange")

    change(admin, feed, **EXCHANGE, username="", new_secret="", forget_secret="on")

    feed.refresh_from_db()
    assert feed.secret == ""


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"url": "maven.example"}, "Enter the whole address of the feed"),
        ({"url": "https://ann:pw@maven.example"}, "The address holds a user name or a password."),
        ({"url": "ftp://maven.example"}, "Enter the whole address of the feed"),
        ({"username": "ann"}, "A user name needs its password."),
        ({"kind": "builtin"}, "Select a valid choice"),
        ({"poll_seconds": "1"}, "Ensure this value is greater than or equal to 15."),
    ],
)
def test_a_form_refuses_what_cannot_work(admin, wrong, sentence):
    response = add(admin, Feed, **EXCHANGE | wrong)

    assert sentence in said(response)
    assert not Feed.objects.filter(slug="exchange").exists()


def test_the_built_in_feed_is_not_changed(admin):
    response = admin.post(f"/admin/registry/feed/{Feed.builtin().pk}/change/", EXCHANGE)

    assert response.status_code == 403


def test_a_feed_that_something_refers_to_keeps_its_kind(admin):
    feed = an_outside_feed()

    change(admin, feed, **EXCHANGE | {"kind": "npm"})

    feed.refresh_from_db()
    assert feed.kind == "maven"


def test_asking_says_whether_a_store_answers(admin):
    with a_store() as store:
        feed = an_outside_feed()
        Feed.objects.filter(pk=feed.pk).update(url=store.url)
        gone = Feed.objects.create(slug="gone", name="Gone", kind="npm", url="http://127.0.0.1:1")
        asked = {"action": "ask", "_selected_action": [feed.pk, gone.pk]}

        page = said(admin.post("/admin/registry/feed/", asked, follow=True))

    assert "Anypoint Exchange answers and lets Signalbox in." in page
    assert "Gone: 127.0.0.1:1 cannot be reached" in page


def test_a_file_connects_a_store():
    changes = applied(FILE % "username: ann, secret: s3cret word, poll_seconds: 60")

    feed = Feed.objects.get(slug="exchange")
    assert [str(change) for change in changes] == ["Feed Exchange: created"]
    assert (feed.kind, decrypt(feed.secret), feed.poll_seconds) == ("maven", "s3cret word", 60)


def test_the_same_file_again_changes_nothing():
    applied(FILE % "username: ann, secret: s3cret word")

    assert applied(FILE % "username: ann, secret: s3cret word") == []


def test_a_file_changes_a_password_without_writing_it_down():
    applied(FILE % "username: ann, secret: s3cret word")

    changes = applied(FILE % "username: ann, secret: another")

    assert [str(change) for change in changes] == ["Feed Exchange: password or token: value changed"]
    assert Feed.objects.get(slug="exchange").plaintext == "another"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("kind: builtin", "feeds[0].kind: This must be maven or npm or pypi or oci or nuget or github."),
        ("url: 'maven.example'", "feeds[0].url: Enter the whole address of the feed"),
        ("username: ann", "feeds[0].secret: A user name needs its password."),
    ],
)
def test_a_file_refuses_what_cannot_work(wrong, sentence):
    fields = {"slug": "exchange", "name": "Exchange", "kind": "maven", "url": "'https://maven.example'"}
    name, _, value = wrong.partition(": ")
    text = ", ".join(f"{key}: {value}" for key, value in (fields | {name: value}).items())

    with pytest.raises(BlueprintRefused) as refused:
        applied(f"feeds: [{{{text}}}]")

    assert refused.value.sentences[0].startswith(sentence)
    assert not Feed.objects.filter(slug="exchange").exists()


def test_a_file_does_not_make_another_kind_of_a_feed():
    an_outside_feed()

    with pytest.raises(BlueprintRefused, match="is a Maven repository and stays one"):
        applied("feeds: [{slug: exchange, name: Exchange, kind: npm, url: 'https://npm.example'}]")
