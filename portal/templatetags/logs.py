"""How a line of a log looks: built in Python, because a page holds two thousand of them."""

from datetime import datetime

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from deployments.models import Deployment
from portal.log_page import IN_A_TRAIN, STRETCH, Row, Stretch
from portal.numbers import size_in_words

register = template.Library()


@register.simple_tag
def log_lines(
    stretch: Stretch, deployment: Deployment, *, in_train: bool = False, on_its_page: bool = True
) -> SafeString:
    """The rows of a stretch as list items. Each number links to its line: on this page when the whole log is here, else
    to the stretch of the log's own page that always holds it.

    in_train     on the page of a train, where several logs begin with line 1
    on_its_page  False: on a page that shows no more of the log than this stretch
    """
    prefix = f"d{deployment.pk}-L" if in_train else "L"
    is_here = on_its_page and stretch.total <= (IN_A_TRAIN if in_train else STRETCH)
    own_page = reverse("portal:deployment", args=[deployment.pk])
    return format_html_join(
        "",
        "{}",
        (
            (_line(row, prefix, f"#{prefix}" if is_here else f"{own_page}?from={_beginning(row.number)}#L"),)
            for row in stretch.rows
        ),
    )


@register.filter
def size(count: int) -> str:
    return size_in_words(count)


def _beginning(number: int) -> int:
    """Where the stretch of this line begins."""
    return (number - 1) // STRETCH * STRETCH + 1


def _line(row: Row, prefix: str, link: str) -> SafeString:
    heading = format_html('<li class="step"><b>{}</b></li>', row.heading) if row.heading else ""
    return format_html(
        '{}<li id="{}{}"{}><a href="{}{}" aria-label="Line {}">{}</a>{}<span>{}</span></li>\n',
        heading,
        prefix,
        row.number,
        format_html(' class="{}"', row.css) if row.css else "",
        link,
        row.number,
        row.number,
        row.number,
        _clock(row.at),
        row.html,
    )


def _clock(at: datetime) -> SafeString:
    local = timezone.localtime(at)
    return format_html('<time datetime="{}">{}</time>', local.isoformat(timespec="seconds"), f"{local:%H:%M:%S}")
