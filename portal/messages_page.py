"""What the page of one's own messages says: what comes how, and what became of the last ones."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from accounts.models import User
from projects.access import projects_for
from publishing.messages import links
from publishing.models import Delivery, DeliveryQuerySet

State = Delivery.State
LOOKS = {  # class and icon; the words say it
    State.SENT: ("is-ok", "check"),
    State.WAITING: ("is-wait", "hourglass"),
    State.GIVEN_UP: ("is-bad", "octagon-x"),
    State.SKIPPED: ("is-idle", "minus"),
}


@dataclass(frozen=True)
class MessageLine:
    delivery: Delivery

    @property
    def url(self) -> str:
        """Where the message leads to, within the portal."""
        return links.path_of(self.delivery.notice)

    @property
    def css(self) -> str:
        return LOOKS[State(self.delivery.state)][0]

    @property
    def icon(self) -> str:
        return LOOKS[State(self.delivery.state)][1]

    @property
    def word(self) -> str:
        """What became of it, in words."""
        if self.delivery.state != State.WAITING:
            return State(self.delivery.state).label
        if self.delivery.problem:
            return "Not sent yet, tried again"
        return "In the next summary" if self.delivery.digest_due_at else "About to be sent"

    @property
    def moment(self) -> datetime | None:
        """When it was sent, or is to be."""
        if self.delivery.state == State.WAITING:
            return self.delivery.digest_due_at or (self.delivery.next_at if self.delivery.problem else None)
        return self.delivery.sent_at


def deliveries_to(user: User) -> DeliveryQuerySet:
    """This person's messages, as far as they are about what the person still may see."""
    visible = Q(notice__project=None) | Q(notice__project__in=projects_for(user))
    return Delivery.objects.with_names().filter(visible, person=user)
