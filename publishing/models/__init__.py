"""What is told to the outside, and how that stands."""

from publishing.models.confluence import Connection, Publication, StackPublishing
from publishing.models.messages import (
    KINDS,
    Channel,
    Delivery,
    DeliveryQuerySet,
    Kind,
    Notice,
    Outlook,
    Seen,
    Subscription,
)
from publishing.models.pages import NotesTemplate, SharedPage

__all__ = [
    "KINDS",
    "Channel",
    "Connection",
    "Delivery",
    "DeliveryQuerySet",
    "Kind",
    "NotesTemplate",
    "Notice",
    "Outlook",
    "Publication",
    "Seen",
    "SharedPage",
    "StackPublishing",
    "Subscription",
]
