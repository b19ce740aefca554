"""Who must agree, and who may what."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group

from accounts.models import Membership, User
from lifecycles.models import Environment
from lifecycles.rules import Problem
from projects import rules
from projects.models import ApprovalRule, Project
from releases.applying.work import Work
from releases.blueprint import Blueprint


def groups(work: Work, blueprint: Blueprint) -> None:
    for index, name in enumerate(blueprint.groups):
        place = f"groups[{index}]"
        if work.once(place, Group, name) and not Group.objects.filter(name=name).exists():
            work.bring(place, Group(name=name), {}, named=name)


def approval_rules(work: Work, blueprint: Blueprint) -> None:
    lists = (
        ("environments", Environment, "slug"),
        ("projects", Project, "slug"),
        ("groups", Group, "name"),
        ("people", User, "username"),
    )
    for index, shape in enumerate(blueprint.approval_rules):
        place = f"approval_rules[{index}]"
        if not work.once(place, ApprovalRule, shape.name):
            continue
        refused = len(work.problems)
        row = ApprovalRule.objects.filter(name=shape.name).first() or ApprovalRule(name=shape.name)
        new = row._state.adding
        named = {
            name: work.find_all(f"{place}.{name}", model, field, getattr(shape, name))
            for name, model, field in lists
            if name in shape.model_fields_set
        }
        held = {name: [] if new else list(getattr(row, name).all()) for name, _, _ in lists} | named
        complete = all(len(rows) == len(getattr(shape, name)) for name, rows in named.items())

        def why_not(row: ApprovalRule = row, held: dict[str, list[Any]] = held) -> Iterable[Problem]:
            return rules.why_not_rule(row.minimum, row.roles, held["groups"], held["people"])

        values = shape.said("roles", "minimum", "requester_may", "creator_may")
        if complete and len(work.problems) == refused and work.bring(place, row, values, why_not=why_not):
            for name, rows in named.items():
                work.bring_list(row, name, getattr(row, name), rows, new=new)


def grants(work: Work, blueprint: Blueprint) -> None:
    references = (
        ("user", User, "username"),
        ("group", Group, "name"),
        ("project", Project, "slug"),
        ("environment", Environment, "slug"),
    )
    for index, shape in enumerate(blueprint.grants):
        place = f"grants[{index}]"
        named = {
            name: work.find(f"{place}.{name}", model, field, getattr(shape, name)) for name, model, field in references
        }
        if any(named[name] is None and getattr(shape, name) is not None for name in named):
            continue
        grant = named | {"role": shape.role}
        if work.once(place, Membership, *grant.values()) and not Membership.objects.filter(**grant).exists():
            work.bring(place, Membership(**grant), {})
