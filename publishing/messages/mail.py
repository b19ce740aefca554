"""Messages by e-mail, as text and as HTML: one for one notice, or one for all that a day has brought.

Where no mail server is set (EMAIL_URL), mails are files below DATA_DIR/mail. The Message-ID of a delivery stays the same
with every try, so that a mailbox that had taken it already knows it again.
"""

import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import User
from publishing.messages import links
from publishing.messages.cards import facts_of
from publishing.messages.failures import SendingFailed, Then
from publishing.models import Delivery, Notice

FILES = "django.core.mail.backends.filebased.EmailBackend"


@dataclass(frozen=True)
class Line:
    """One notice in a mail."""

    notice: Notice

    @property
    def url(self) -> str:
        return links.page_of(self.notice)

    @property
    def word(self) -> str:
        return links.word_for(self.notice)

    @property
    def facts(self) -> list[tuple[str, str]]:
        return facts_of(self.notice)


@dataclass(frozen=True)
class Group:
    """What a digest says of one stack, or of a project on its own; `name` is empty for what concerns every project."""

    name: str
    lines: list[Line]


def goes_to_files() -> bool:
    """Whether no mail server is set, so that mails are files that only who has the machine can read."""
    return bool(settings.EMAIL_BACKEND == FILES)


def mail_for(delivery: Delivery, person: User) -> EmailMultiAlternatives:
    """The mail for one notice."""
    return _mail(person, "notice", delivery.notice.subject, _id_of("delivery", delivery), line=Line(delivery.notice))


def digest_for(deliveries: Sequence[Delivery], person: User) -> EmailMultiAlternatives:
    """The mail for several notices, by stack, oldest first. At least one."""
    today = timezone.localdate()
    count = len(deliveries)
    subject = f"{count} message{'' if count == 1 else 's'} from Signalbox, {today.day} {today:%B %Y}"
    uid = _id_of("digest", deliveries[0], deliveries[-1])
    return _mail(person, "digest", subject, uid, groups=groups_of([delivery.notice for delivery in deliveries]))


def groups_of(notices: Sequence[Notice]) -> list[Group]:
    """By name of the stack; what concerns every project comes first."""
    found: dict[str, list[Line]] = {}
    for notice in notices:
        stack = notice.project and (notice.project.parent or notice.project)
        found.setdefault(str(stack or ""), []).append(Line(notice))
    return [Group(name, found[name]) for name in sorted(found)]


def send(mail: EmailMultiAlternatives) -> None:
    """Hand it to the mail server. Raises SendingFailed."""
    if goes_to_files():
        Path(str(settings.EMAIL_FILE_PATH)).mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with get_connection() as connection:  # closed also where it could only be half opened
            connection.send_messages([mail])
    except smtplib.SMTPException as error:
        raise _failure_of(error) from error
    except OSError as error:  # a server that is away; a disk without room, where mails are files
        raise SendingFailed(f"The mail server cannot be reached: {_reason(error)}.", Then.AWAY) from error
    except ValueError as error:
        raise SendingFailed("No mail can be sent to this address: it is not written like one.", Then.NEVER) from error


def _mail(person: User, template: str, subject: str, uid: str, **context: Any) -> EmailMultiAlternatives:
    about = {"person": person, "subject": subject, "choose": links.choosing(), **context}
    line = " ".join(subject.split())
    mail = EmailMultiAlternatives(
        subject=f"[Signalbox] {line}",
        body=render_to_string(f"publishing/mail/{template}.txt", about),
        to=[person.email],
        headers={
            "Message-ID": uid,
            "Auto-Submitted": "auto-generated",  # RFC 3834: nobody's absence is announced to us
            "List-Unsubscribe": f"<{about['choose']}>",
        },
    )
    mail.attach_alternative(render_to_string(f"publishing/mail/{template}.html", about), "text/html")
    return mail


def _id_of(what: str, *deliveries: Delivery) -> str:
    """The same for the same deliveries, until somebody asks for them to be sent again."""
    named = "-".join(f"{delivery.pk}.{delivery.repeats}" for delivery in deliveries)
    host = urlsplit(settings.BASE_URL).hostname or parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{what}-{named}.{deliveries[0].notice.uid.hex}@{host}>"


def _failure_of(error: smtplib.SMTPException) -> SendingFailed:
    """RFC 5321 §4.2.1: 4xx may be tried again, 5xx not. What is wrong with ourselves keeps everybody's mail waiting."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        status, said = next(iter(error.recipients.values()), (450, b""))
        then = Then.NEVER if status >= 500 else Then.LATER
        return SendingFailed(f"The mail server does not take mail for this address: {status} {_words(said)}", then)
    if isinstance(error, smtplib.SMTPDataError):
        then = Then.NEVER if error.smtp_code >= 500 else Then.LATER
        return SendingFailed(f"The mail server refused it: {error.smtp_code} {_words(error.smtp_error)}", then)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        sentence = f"The mail server does not accept user and password of EMAIL_URL: {error.smtp_code}."
        return SendingFailed(sentence, Then.AWAY)
    if isinstance(error, smtplib.SMTPSenderRefused):
        sentence = f"The mail server does not take mail from {settings.DEFAULT_FROM_EMAIL}: {error.smtp_code}"
        return SendingFailed(f"{sentence} {_words(error.smtp_error)}", Then.AWAY)
    return SendingFailed(f"The mail server broke off: {_reason(error)}.", Then.AWAY)


def _words(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:200]


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return _words(getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
