"""How things look: icons, statuses, versions and times, as small tags that every page uses."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Event
from deployments import on_hold
from deployments.decisions import UNDECIDED
from deployments.models import Deployment, Hold, Status
from deployments.wording import together as in_words
from releases.notes import rendered

register = template.Library()


class Look(NamedTuple):
    """How a status is shown. The word says it; the glyph and the colour only repeat it."""

    css: str
    icon: str
    word: str


LOOKS: dict[str, Look] = {
    Status.REQUESTED: Look("is-wait", "hourglass", Status.REQUESTED.label),
    Status.SCHEDULED: Look("is-wait", "calendar-clock", Status.SCHEDULED.label),
    Status.PENDING: Look("is-idle", "clock", Status.PENDING.label),
    Status.QUEUED: Look("is-idle", "clock", Status.QUEUED.label),
    Status.RUNNING: Look("is-run", "loader-circle", Status.RUNNING.label),
    Status.INTERRUPTED: Look("is-bad", "triangle-alert", Status.INTERRUPTED.label),
    Status.NEEDS_ATTENTION: Look("is-bad", "triangle-alert", Status.NEEDS_ATTENTION.label),
    Status.SUCCEEDED: Look("is-ok", "circle-check", Status.SUCCEEDED.label),
    Status.SKIPPED: Look("is-ok", "equal", Status.SKIPPED.label),
    Status.FAILED: Look("is-bad", "octagon-x", Status.FAILED.label),
    Status.CANCELLED: Look("is-idle", "ban", Status.CANCELLED.label),
    Status.REJECTED: Look("is-bad", "x", Status.REJECTED.label),
    Status.SUPERSEDED: Look("is-idle", "history", Status.SUPERSEDED.label),
    Status.EXPIRED: Look("is-idle", "timer", Status.EXPIRED.label),
    # what a cell of the grid says about a place, rather than about one deployment
    "deployed": Look("is-ok", "circle-check", "Deployed"),
    "waiting": Look("is-wait", "hourglass", "Waiting"),
    "attention": Look("is-bad", "triangle-alert", "Needs attention"),
    "drift": Look("is-drift", "equal-not", "Out of step"),
    "none": Look("is-idle", "minus", "Nothing deployed yet"),
    "on_hold": Look("is-wait", "circle-pause", "On hold"),
}
UNKNOWN = Look("is-idle", "circle-dashed", "")
STOPPING = Look("is-wait", "circle-pause", "Stopping")
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))  # in seconds, longest first
NOTICES = {
    "success": ("is-ok", "circle-check"),
    "warning": ("is-wait", "triangle-alert"),
    "error": ("is-bad", "octagon-x"),
}


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """One glyph of the sprite, for the eye only: the word stands beside it."""
    return format_html(
        '<svg class="i{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        f" {css}" if css else "",
        static("icons/sprite.svg"),
        name,
    )


@register.simple_tag
def logo() -> SafeString:
    """Signalbox's mark: a semaphore whose arm is raised, the road ahead is clear."""
    return format_html(
        '<svg class="logo" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        '<path class="post" d="M6.2 2.6v19M3 21.6h7"/><path class="arm" d="m6.2 9.6 13.6-5.9 1.9 4.4L8 14z"/>'
        '<path class="band" d="m16.2 5.3 1.9 4.3"/><circle class="lamp" cx="6.2" cy="11.4" r="2.6"/></svg>{}',
        "",
    )


@register.simple_tag
def status(what: Deployment | str, word: str = "", *, tag: bool = False) -> SafeString:
    """Glyph and word of a deployment, or of a status by its name.

    word  what to say instead of the status's own word
    tag   on a ground of its own, where it stands alone
    """
    look = look_of(what)
    return format_html(
        '<span class="st {}{}">{}{}</span>',
        look.css,
        " tag" if tag else "",
        icon(look.icon, "spin" if look.icon == "loader-circle" else ""),
        word or look.word or str(what),
    )


@register.filter
def status_class(what: Deployment | str) -> str:
    """The class that gives an element the colour of a deployment or status."""
    return look_of(what).css


@register.filter
def status_icon(what: Deployment | str) -> SafeString:
    return icon(look_of(what).icon)


@register.filter
def notice_class(level: str) -> str:
    return NOTICES.get(level, ("is-run", "info"))[0]


@register.filter
def notice_icon(level: str) -> SafeString:
    return icon(NOTICES.get(level, ("is-run", "info"))[1])


def look_of(what: Deployment | str) -> Look:
    """The one mapping from a deployment or status to its class, icon and word."""
    if isinstance(what, Deployment):
        stops = what.is_stopping and what.status not in UNDECIDED  # then a decision is what it waits for
        return STOPPING if stops else LOOKS.get(what.status, UNKNOWN)
    return LOOKS.get(what, UNKNOWN)


@register.filter
def hold_sentence(hold: Hold) -> str:
    return on_hold.sentence_of(hold)


@register.filter
def together(names: Sequence[str]) -> str:
    """“TEST, QA and PROD”; empty for none."""
    return in_words(names) if names else ""


@register.filter
def markdown(notes: str, below: int = 2) -> SafeString:
    """Notes as HTML that is safe. `below`: the level of the heading that they stand under."""
    return rendered(notes, below)


@register.simple_tag
def version(number: object) -> SafeString:
    """A version or release number in its own face."""
    return format_html('<span class="ver">{}</span>', number)


@register.simple_tag
def change(before: object, after: object) -> SafeString:
    """From one version to another; without a first one only what arrives."""
    if not before or str(before) == str(after):
        return version(after)
    return format_html(
        '<span class="ver"><span class="vh">from </span>{}<span class="to" aria-hidden="true">→</span>'
        '<span class="vh"> to </span>{}</span>',
        before,
        after,
    )


@register.simple_tag
def when(moment: datetime | None, css: str = "") -> SafeString | str:
    """Relative words with the exact time in the title; nothing for None."""
    if moment is None:
        return ""
    return format_html(
        '<time{} datetime="{}" title="{}" data-ago>{}</time>',
        format_html(' class="{}"', css) if css else "",
        moment.isoformat(timespec="seconds"),
        exactly(moment),
        ago(moment, timezone.now()),
    )


@register.simple_tag
def at(moment: datetime | None) -> SafeString | str:
    """The exact time in words; nothing for None."""
    if moment is None:
        return ""
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(timespec="seconds"), exactly(moment))


@register.simple_tag
def duration(start: datetime | None, end: datetime | None = None) -> SafeString | str:
    """How long it took, or has taken so far, in words such as “1 min 12 s”; nothing before it began."""
    if start is None:
        return ""
    seconds = max(0, round(((end or timezone.now()) - start).total_seconds()))
    return format_html('<time datetime="PT{}S">{}</time>', seconds, _long(seconds))


def exactly(moment: datetime) -> str:
    """Such as “Mon 23 Nov 2026 14:07 UTC”, in the portal's time zone."""
    local = timezone.localtime(moment)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M %Z}"


def ago(moment: datetime, now: datetime) -> str:
    """Such as “2 hours ago” or “in 5 minutes”; the date itself from two weeks on. `portal.js` says the same."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < timedelta(seconds=45).total_seconds():
        return "just now"
    if abs(seconds) >= timedelta(days=14).total_seconds():
        local = timezone.localtime(moment)
        return f"{local.day} {local:%b %Y}"
    size, unit = next((unit for unit in UNITS if abs(seconds) >= unit[0]), UNITS[-1])
    count = max(1, int(abs(seconds) // size))
    words = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{words} ago" if seconds > 0 else f"in {words}"


def _long(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


# What a line of the trail is about, by its verb: the last word says how it ended, the first what it concerns.
ENDINGS = {
    "succeeded": Look("is-ok", "circle-check", ""),
    "approved": Look("is-ok", "user-check", ""),
    "allowed": Look("is-ok", "circle-check", ""),
    "requested": Look("is-wait", "hourglass", ""),
    "started": Look("is-run", "rocket", ""),
    "failed": Look("is-bad", "octagon-x", ""),
    "rejected": Look("is-bad", "x", ""),
    "interrupted": Look("is-bad", "triangle-alert", ""),
    "prevented": Look("is-bad", "ban", ""),
    "withdrawn": Look("is-bad", "ban", ""),
    "cancelled": Look("is-idle", "ban", ""),
    "removed": Look("is-idle", "archive", ""),
    "returned": Look("is-ok", "undo-2", ""),
    "put": Look("is-wait", "circle-pause", ""),
    "released": Look("is-ok", "circle-play", ""),
}
SUBJECTS = {
    "package": "package",
    "build": "git-commit-horizontal",
    "attachment": "file-text",
    "release": "tag",
    "trigger": "activity",
    "deployment": "rocket",
}


def _look_of_event(event: Event) -> Look:
    subject, _, ending = event.verb.rpartition(".")
    return ENDINGS.get(ending, Look("is-idle", SUBJECTS.get(subject.split(".")[0], "circle-dot"), ""))


@register.filter
def event_class(event: Event) -> str:
    return _look_of_event(event).css


@register.filter
def event_icon(event: Event) -> SafeString:
    return icon(_look_of_event(event).icon)
