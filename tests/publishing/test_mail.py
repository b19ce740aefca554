"""Mails as a real mail server gets them: readable as text and as HTML, once, in order; refusals, and summaries of a day."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from django.utils import timezone

from deployments.models import Deployment
from publishing.messages import mail, outbox, resending
from publishing.messages.failures import Then
from publishing.models import Delivery, Kind, Notice
from tests.deployments.rows import a_bare_release, a_row
from tests.factories import a_delivery, a_lone_project, a_notice, a_user, an_administrator
from tests.publishing.receiving import mail_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> Deployment:
    return a_row()


@pytest.fixture
def vera():
    return a_reader("vera")


def a_reader(name: str):
    person = a_user(name, role="viewer")
    person.email = f"{name}@example.org"
    person.save()
    return person


def mail_all(rounds: int = 30) -> None:
    """What a worker does until nothing is due, as if no time had to pass between two tries."""
    for _ in range(rounds):
        Delivery.objects.waiting().update(next_at=timezone.now())
        if not outbox.mail_next():
            return


def states() -> list[str]:
    return list(Delivery.objects.order_by("notice_id").values_list("state", flat=True))


def parts_of(message) -> tuple[str, str]:
    text, page = message.get_body(("plain",)), message.get_body(("html",))
    return text.get_content().replace("\r\n", "\n"), page.get_content()


# -- one for one notice -----------------------------------------------------------------------------------------------


def test_a_mail_says_what_happened_and_leads_to_the_page(row, vera, mailbox, settings):
    settings.BASE_URL = "https://signalbox.example"
    a_delivery(a_notice(row, subject="Shop 1.0.0 is live in TEST", sentence="It went well."), vera)

    mail_all()

    (message,) = mailbox.mails
    text, page = parts_of(message)
    link = f"https://signalbox.example/deployments/{row.pk}/"
    assert (message["Subject"], message["To"]) == ("[Signalbox] Shop 1.0.0 is live in TEST", "vera@example.org")
    assert text.startswith("It went well.\n\nOpen the deployment:\n" + link)
    assert f'href="{link}"' in page
    assert "It went well." in page
    assert "Choose what you get" in text
    assert "https://signalbox.example/messages/" in text


def test_a_mail_is_recognised_by_programs(row, vera, mailbox, settings):
    settings.BASE_URL = "https://signalbox.example"
    a_delivery(a_notice(row), vera)

    mail_all()

    (message,) = mailbox.mails
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] == "<https://signalbox.example/messages/>"
    assert re.fullmatch(r"<delivery-\d+\.0\.[0-9a-f]{32}@signalbox\.example>", message["Message-ID"])


def test_a_decision_leads_to_the_page_where_one_decides(vera, mailbox):
    row = a_row(gates=[a_gate_of(vera)])
    a_delivery(a_notice(row, Kind.DECISION_NEEDED), vera)

    mail_all()

    text, page = parts_of(mailbox.mails[0])
    assert f"Look at it and decide:\nhttp://localhost:8000/deployments/{row.pk}/approval/" in text
    assert "<form" not in page


def a_gate_of(person) -> dict[str, object]:
    return {
        "rule": 1, "name": "Gate", "minimum": 1, "roles": [], "groups": [], "people": [person.pk], "requester_may": False,
        "creator_may": False,
    }  # fmt: skip


def test_nothing_that_people_write_breaks_out_of_a_mail(row, vera, mailbox):
    title = "<b>Shop</b>\r\nBcc: everybody@example.org"
    a_delivery(a_notice(row, subject=title, sentence="<script>alert(1)</script> & “more”"), vera)

    mail_all()

    (message,) = mailbox.mails
    text, page = parts_of(message)
    assert message["Subject"] == "[Signalbox] <b>Shop</b> Bcc: everybody@example.org"
    assert message["Bcc"] is None
    assert mailbox.to == ["vera@example.org"]
    assert text.startswith("<script>alert(1)</script> & “more”")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_mails_arrive_in_order_and_the_same_again_is_known_again(row, vera, mailbox):
    for number in range(3):
        a_delivery(a_notice(row, subject=f"Number {number}"), vera)
    mail_all()
    first = Delivery.objects.order_by("pk")[0]
    resending.send_again([first], by=an_administrator())
    mail_all()

    subjects = [message["Subject"] for message in mailbox.mails]
    ids = [message["Message-ID"] for message in mailbox.mails]
    assert subjects == [f"[Signalbox] Number {number}" for number in (0, 1, 2, 0)]
    assert len(set(ids)) == 4  # what somebody asked for again is meant to be read again


def test_a_try_that_was_repeated_has_the_same_id(row, vera):
    delivery = a_delivery(a_notice(row), vera)

    first, second = (mail.mail_for(delivery, vera).message()["Message-ID"] for _ in range(2))

    assert first == second


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_an_address_that_is_refused_for_good_is_given_up_and_keeps_nobody_waiting(row, vera, mailbox):
    mailbox.refusals["vera@example.org"] = "550 5.1.1 No such user"
    for _ in range(2):
        notice = a_notice(row)
        a_delivery(notice, vera)
        a_delivery(notice, a_reader("ann"))

    mail_all()

    assert mailbox.to == ["ann@example.org"] * 2
    given_up = Delivery.objects.filter(person=vera)
    assert {one.state for one in given_up} == {"given_up"}
    assert given_up[0].problem == "The mail server does not take mail for this address: 550 5.1.1 No such user"


def test_an_address_that_is_refused_for_now_is_tried_again(row, vera, mailbox):
    mailbox.refusals["vera@example.org"] = "450 4.2.1 Try later"
    a_delivery(a_notice(row), vera)
    assert outbox.mail_next() is Then.LATER
    mailbox.refusals.clear()

    mail_all()

    assert states() == ["sent"]


def test_a_mail_that_is_refused_for_what_is_in_it_is_given_up(row, vera, mailbox):
    mailbox.data = "554 5.7.1 Looks like spam"
    a_delivery(a_notice(row), vera)

    mail_all()

    assert states() == ["given_up"]
    assert "554 5.7.1 Looks like spam" in Delivery.objects.get().problem


def test_a_mail_server_that_is_away_loses_nothing_and_is_not_asked_for_everybody(row, vera, settings):
    with mail_server(settings):
        port = settings.EMAIL_PORT
    for name in ("vera", "ann"):
        for number in range(3):
            a_delivery(a_notice(row, subject=f"{name} {number}"), a_reader(name))
    assert outbox.mail_next() is Then.AWAY
    assert Delivery.objects.filter(tries=0).count() == 5

    settings.EMAIL_PORT = port
    with mail_server(settings) as mailbox:
        mail_all()

    of_vera = [message["Subject"] for message in mailbox.mails if "vera" in message["Subject"]]
    assert of_vera == [f"[Signalbox] vera {number}" for number in range(3)]
    assert len(mailbox.mails) == 6


def test_a_mail_server_that_wants_somebody_else_is_our_own_problem(row, vera, settings):
    def never(server, session, envelope, mechanism, data):
        return AuthResult(success=False, handled=False)

    with mail_server(settings, authenticator=never, auth_require_tls=False):
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "ann", "sesame"
        a_delivery(a_notice(row), vera)

        assert outbox.mail_next() is Then.AWAY

    problem = Delivery.objects.get().problem
    assert problem == "The mail server does not accept user and password of EMAIL_URL: 535."
    assert "sesame" not in problem


def test_without_a_mail_server_mails_are_private_files(row, vera, settings, tmp_path):
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = mail.FILES, str(tmp_path / "data" / "mail")
    a_delivery(a_notice(row, subject="Live at last"), vera)

    mail_all()

    (file,) = Path(settings.EMAIL_FILE_PATH).iterdir()
    assert "Subject: [Signalbox] Live at last" in file.read_text()
    assert Path(settings.EMAIL_FILE_PATH).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"is_active": False}, "The account of vera is closed."),
        ({"email": ""}, "The account of vera has no e-mail address."),
    ],
)
def test_who_has_gone_meanwhile_gets_nothing(change, words, row, vera, mailbox):
    a_delivery(a_notice(row), vera)
    for name, value in change.items():
        setattr(vera, name, value)
    vera.save()

    mail_all()

    assert mailbox.mails == []
    assert Delivery.objects.get().problem == words


def test_who_may_not_see_it_any_more_gets_nothing(row, vera, mailbox):
    a_delivery(a_notice(row), vera)
    vera.memberships.all().delete()

    mail_all()

    assert mailbox.mails == []
    assert Delivery.objects.get().state == "skipped"


# -- the summary of a day ---------------------------------------------------------------------------------------------


def due(hours: int = -1) -> dict[str, object]:
    return {"digest_due_at": timezone.now() + timedelta(hours=hours)}


def test_a_day_is_one_mail_by_stack(row, vera, mailbox):
    website = a_row(release=a_bare_release(a_lone_project("Website")))
    for what, title in ((row, "One"), (website, "Two"), (row, "Three")):
        a_delivery(a_notice(what, subject=title), vera, **due())

    mail_all()

    (message,) = mailbox.mails
    text, page = parts_of(message)
    order = [text.index(word) for word in ("Shop", "* One", "* Three", "Website", "* Two")]
    assert order == sorted(order)
    assert message["Subject"].startswith("[Signalbox] 3 messages from Signalbox, ")
    assert page.count("<h2") == 2
    assert states() == ["sent"] * 3


def test_a_summary_is_not_sent_before_its_hour_and_keeps_nothing_else_waiting(row, vera, mailbox):
    a_delivery(a_notice(row, subject="Later"), vera, **due(hours=1))
    a_delivery(a_notice(row, subject="Now"), vera)

    mail_all()

    assert [message["Subject"] for message in mailbox.mails] == ["[Signalbox] Now"]
    assert states() == ["waiting", "sent"]


def test_what_was_decided_meanwhile_is_not_in_the_summary(row, vera, mailbox):
    decided = a_row(status="succeeded", release=a_bare_release(a_lone_project("Website")))
    a_delivery(a_notice(decided, Kind.DECISION_NEEDED, subject="Decide"), vera, **due())
    a_delivery(a_notice(row, subject="Live"), vera, **due())

    mail_all()

    assert "Decide" not in parts_of(mailbox.mails[0])[0]
    assert states() == ["skipped", "sent"]


def test_a_summary_of_nothing_that_is_left_is_not_sent(vera, mailbox):
    decided = a_row(status="succeeded")
    a_delivery(a_notice(decided, Kind.DECISION_NEEDED), vera, **due())

    mail_all()

    assert mailbox.mails == []
    assert states() == ["skipped"]


def test_a_summary_that_could_not_be_sent_is_sent_whole_later(row, vera, settings):
    with mail_server(settings):
        pass
    for _ in range(3):
        a_delivery(a_notice(row), vera, **due())
    assert outbox.mail_next() is Then.AWAY

    with mail_server(settings) as mailbox:
        mail_all()

    assert len(mailbox.mails) == 1
    assert states() == ["sent"] * 3


def test_two_who_send_summaries_at_once_send_one(row, vera, mailbox):
    for _ in range(3):
        a_delivery(a_notice(row), vera, **due())
    head = Delivery.objects.order_by("notice_id")[0]

    assert outbox.claim(head.pk) is not None
    assert outbox.mail_next() is False
    assert Notice.objects.count() == 3
    assert mailbox.mails == []
