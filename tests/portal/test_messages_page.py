"""Everybody chooses what they get, and sees what became of it."""

import pytest
from django.utils import timezone

from accounts.models import Event
from publishing.messages.preferences import choices_of
from publishing.models import Delivery, Kind, Subscription
from tests.deployments.rows import a_bare_release, a_row
from tests.factories import a_delivery, a_lone_project, a_notice, a_stack, a_subscription, a_user
from tests.portal.pages import errors_of, opened, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera(client):
    person = a_user("vera", role="viewer")
    person.email = "vera@example.org"
    person.save()
    client.force_login(person)
    return person


def choose(client, query: str = "", *, hour: int = 8, **chosen: str):
    return client.post(f"/messages/{query}", {**dict.fromkeys(Kind, ""), "hour": hour, **chosen}, follow=True)


def kept(person) -> dict[tuple[str, str], list[str]]:
    """(project, timing) → kinds."""
    rows = Subscription.objects.filter(person=person).select_related("project")
    return {(row.project.slug if row.project else "", row.timing): row.kinds for row in rows}


def test_it_says_where_messages_go_and_what_is_usual(client, vera):
    page = opened(client, "messages")

    words = said(page)
    assert "What Signalbox writes to you at vera@example.org." in words
    assert "As usual: at once, where you may decide." in words
    assert "As usual: at once, for what you asked for." in words
    assert "As usual: not at all." in words


def test_who_has_no_address_is_told_that_nothing_comes(client, db):
    client.force_login(a_user("silent", role="viewer"))

    words = said(opened(client, "messages"))

    assert "You get no messages The account of silent has no e-mail address. Ask an administrator" in words


def test_without_a_mail_server_it_says_where_mails_are(client, vera, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"

    assert "No mail server is set (EMAIL_URL)" in said(opened(client, "messages"))


def test_what_is_chosen_is_kept_shown_again_and_on_record(client, vera):
    page = choose(client, finished="daily", failed="at_once", started="daily", decision_needed="off", hour=7)

    assert "Your choices are kept." in said(page)
    assert kept(vera) == {
        ("", "daily"): ["started", "finished"],
        ("", "at_once"): ["failed"],
        ("", "off"): ["decision_needed"],
    }
    assert 'value="7" selected' in page.content.decode()
    line = Event.objects.get(verb="messages.chosen")
    assert line.actor == vera
    assert "Waiting for a decision: not at all" in line.sentence
    assert "summary at 7:00" in line.sentence


def test_choosing_the_same_again_leaves_no_line(client, vera):
    choose(client, finished="daily")
    choose(client, finished="daily")

    assert Event.objects.filter(verb="messages.chosen").count() == 1


def test_one_stack_has_choices_of_its_own(client, vera):
    a_stack("Shop", components={"UI": 1})
    choose(client, finished="daily")
    choose(client, "?stack=shop", finished="off")

    words = said(opened(client, "messages", stack="shop"))

    assert kept(vera) == {("", "daily"): ["finished"], ("shop", "off"): ["finished"]}
    assert "What you get about Shop" in words
    assert "As everywhere: once a day." in words
    assert "You have choices of their own for Shop" in said(opened(client, "messages"))


def test_choosing_nothing_takes_choices_back(client, vera):
    choose(client, finished="daily")

    choose(client)

    assert kept(vera) == {}


def test_what_a_role_brings_is_said(client, vera):
    a_subscription("viewer", Kind.STARTED)

    started = next(choice for choice in choices_of(vera, None) if choice.kind == Kind.STARTED)

    assert started.otherwise == "at once"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("finished", "weekly", "Choose one of those that are on offer."),
        ("hour", "24", "Choose one of those that are on offer."),
        ("hour", "", "Choose an hour."),
    ],
)
def test_what_is_not_on_offer_is_refused(client, vera, field, value, sentence):
    page = client.post("/messages/", {**dict.fromkeys(Kind, ""), "hour": "8", field: value})

    assert page.status_code == 422
    assert errors_of(page) == [sentence]
    assert kept(vera) == {}


def test_a_stack_that_one_may_not_see_is_not_offered(client):
    shop, _ = a_stack("Shop"), a_lone_project("Website")
    client.force_login(a_user("narrow", role="viewer", project=shop))

    words = said(opened(client, "messages", stack="website"))

    assert "What you get about" not in words
    assert "Website" not in words


def test_the_last_messages_say_what_became_of_each(client, vera):
    row = a_row()
    for state, fields in (
        ("sent", {"sent_at": timezone.now()}),
        ("waiting", {}),
        ("waiting", {"problem": "The mail server is away."}),
        ("waiting", {"digest_due_at": timezone.now()}),
        ("skipped", {"problem": "Decided meanwhile."}),
        ("given_up", {"problem": "550 No such user"}),
    ):
        a_delivery(a_notice(row, subject=f"About {state}"), vera, state=state, **fields)
    a_delivery(a_notice(row, subject="Somebody else’s"), a_user("ann"))

    words = said(opened(client, "messages"))

    assert "Sent just now" in words
    assert "About to be sent" in words
    assert "Not sent yet, tried again just now The mail server is away." in words
    assert "In the next summary" in words
    assert "Left out Decided meanwhile." in words
    assert "Given up 550 No such user" in words
    assert "Somebody else’s" not in words


def test_messages_about_what_one_may_not_see_any_more_are_not_shown(client, vera):
    website = a_row(release=a_bare_release(a_lone_project("Website")))
    a_delivery(a_notice(website, subject="Of the website"), vera)
    vera.memberships.all().delete()
    a_user("vera", role="viewer", project=a_stack("Shop"))

    assert "Of the website" not in said(opened(client, "messages"))
    assert Delivery.objects.exists()


def test_the_way_there_is_in_the_bar_and_in_the_menu(client, vera):
    page = opened(client, "overview").content.decode()

    assert page.count('href="/messages/"') == 2
