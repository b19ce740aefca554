"""Bring the configuration to what a blueprint says.

Rows are compared one by one, checked before they are written, and written in one transaction that is kept only when
nothing at all was refused. What the blueprint does not name stays; of what it names, the lists that it gives (packages,
steps, phases, who may approve) are brought to exactly what it says.
"""

from collections.abc import Callable

from django.db import transaction

from accounts.models import User
from releases.applying import access, packages, places, projects, variables
from releases.applying.work import Change, Work
from releases.blueprint import Blueprint, BlueprintRefused

__all__ = ["Change", "apply", "changes"]

# Whatever refers to something comes after it.
_ORDER: tuple[Callable[[Work, Blueprint], None], ...] = (
    places.environments,
    packages.feeds,
    places.lifecycles,
    projects.processes,
    access.groups,
    projects.projects,
    packages.packages,
    variables.shared_variables,
    access.approval_rules,
    access.grants,
    packages.retention,
)


def changes(blueprint: Blueprint) -> list[Change]:
    """What `apply` would change. Writes nothing; raises BlueprintRefused like `apply`."""
    return apply(blueprint, by=None, dry_run=True)


def apply(blueprint: Blueprint, by: User | None, dry_run: bool = False) -> list[Change]:
    """Bring the configuration to what the blueprint says; every change leaves a line on the trail. Again: no changes.

    by  None: the command line.
    Raises BlueprintRefused with everything that is wrong; nothing is written then.
    """
    work = Work(by)
    with transaction.atomic():
        for bring in _ORDER:
            bring(work, blueprint)
        if work.problems:
            raise BlueprintRefused(work.problems)
        if dry_run:
            transaction.set_rollback(True)
    return work.changes
