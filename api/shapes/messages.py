"""Messages on their way, as JSON."""

from datetime import datetime
from uuid import UUID

from ninja import Schema
from pydantic import Field

from publishing.messages import links
from publishing.models import Delivery


class DeliveryShape(Schema):
    """One message to one person or one channel."""

    id: int
    notice: UUID = Field(
        description="What it tells; the id and idempotency key of webhooks. The same for all who are told."
    )
    kind: str
    at: datetime = Field(description="When it happened.")
    subject: str
    sentence: str
    url: str = Field(description="The page that the message leads to.")
    project: str | None = Field(description="null: it concerns every project.")
    environment: str | None
    person: str | None = Field(description="The name of the account that gets it by e-mail…")
    channel: str | None = Field(description="…or the slug of the channel that it is posted to.")
    state: str = Field(description="waiting, sent, given_up or skipped.")
    summary_at: datetime | None = Field(description="When the summary is due that it waits for.")
    tries: int
    next_at: datetime | None = Field(description="While it waits: not tried before.")
    sent_at: datetime | None
    problem: str = Field(description="Why the last try came to nothing, or why it is not sent.")


def delivery(found: Delivery) -> DeliveryShape:
    """Needs a delivery `with_names`."""
    notice = found.notice
    return DeliveryShape(
        id=found.pk,
        notice=notice.uid,
        kind=notice.kind,
        at=notice.at,
        subject=notice.subject,
        sentence=notice.sentence,
        url=links.page_of(notice),
        project=notice.project.slug if notice.project else None,
        environment=notice.environment.slug if notice.environment else None,
        person=found.person.username if found.person else None,
        channel=found.channel.slug if found.channel else None,
        state=found.state,
        summary_at=found.digest_due_at,
        tries=found.tries,
        next_at=found.next_at if found.state == Delivery.State.WAITING else None,
        sent_at=found.sent_at,
        problem=found.problem,
    )
