"""The two doors to the configuration, as tests use them: a form of Django admin, and a blueprint."""

import textwrap
from typing import Any

from django.core import serializers
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from accounts.models import ApiToken, Event, Membership, User
from lifecycles.models import Environment, Lifecycle, Phase, PhaseEnvironment
from projects.models import ApprovalRule, Process, Project, ProjectPackage, Step, Variable
from registry.models import ManifestSource, Package
from releases.applying import Change, apply
from releases.blueprint import read
from releases.models import RetentionRule, Trigger

CONFIGURATION = (
    Environment, Lifecycle, Phase, PhaseEnvironment, Process, Step, Project, ProjectPackage, Package, ManifestSource,
    Variable, ApprovalRule, Trigger, Membership, RetentionRule, ApiToken, User, Event,
)  # fmt: skip


def everything() -> str:
    """All that is configured and every line on the trail, to compare before and after."""
    rows = (row for model in CONFIGURATION for row in model.objects.order_by("pk"))
    return serializers.serialize("json", rows)


def address(model: Any, page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def add(client: Client, model: Any, *parts: dict[str, Any], **fields: Any) -> Any:
    """Fill in the form for a new row and send it off."""
    return client.post(address(model, "add"), _filled(parts, fields))


def change(client: Client, row: Any, *parts: dict[str, Any], **fields: Any) -> Any:
    """Fill in the form of a stored row, completely, and send it off."""
    return client.post(address(type(row), "change", row.pk), _filled(parts, fields))


def rows(prefix: str, *new: dict[str, Any], stored: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """The part of a form that holds rows of another model; stored ones name their `id`."""
    management = {f"{prefix}-TOTAL_FORMS": len(stored) + len(new), f"{prefix}-INITIAL_FORMS": len(stored)}
    filled = {
        f"{prefix}-{index}-{name}": value
        for index, fields in enumerate((*stored, *new))
        for name, value in fields.items()
    }
    return management | filled


def _filled(parts: tuple[dict[str, Any], ...], fields: dict[str, Any]) -> dict[str, Any]:
    data = dict(fields)
    for part in parts:
        data |= part
    return {name: value for name, value in data.items() if value is not None}


def says(page: Any, sentence: str) -> bool:
    """Whether the page was shown again with this sentence."""
    return page.status_code == 200 and escape(sentence) in page.content.decode()


def applied(text: str, environ: dict[str, str] | None = None, *, dry_run: bool = False) -> list[str]:
    """Apply a blueprint, as the command does, and say what it changed."""
    changes: list[Change] = apply(read(textwrap.dedent(text), environ or {}), by=None, dry_run=dry_run)
    return [str(change) for change in changes]
