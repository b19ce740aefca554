"""Where a message leads to. A link opens a page; nothing is ever decided by following one."""

from django.conf import settings
from django.urls import reverse

from publishing.models import Kind, Notice


def page_of(notice: Notice) -> str:
    """The address of the page that shows what the notice is about, and where one decides."""
    return f"{settings.BASE_URL}{path_of(notice)}"


def path_of(notice: Notice) -> str:
    """The same within the portal."""
    if notice.deployment_id is not None:
        page = "approval" if notice.kind == Kind.DECISION_NEEDED else "deployment"
        return reverse(f"portal:{page}", args=[notice.deployment_id])
    return reverse("portal:holds" if notice.kind == Kind.HOLD else "portal:overview")


def choosing() -> str:
    """The address of the page where one chooses what one gets."""
    return f"{settings.BASE_URL}{reverse('portal:messages')}"


def word_for(notice: Notice) -> str:
    """What the link or button is called."""
    if notice.kind == Kind.DECISION_NEEDED:
        return "Look at it and decide"
    return "Open the deployment" if notice.deployment_id else "Open Signalbox"
