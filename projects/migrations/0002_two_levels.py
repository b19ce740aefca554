from typing import ClassVar

from django.db import migrations

from config.immutable import Refuse

DEPTH = "A component belongs to a stack: its parent must be one, so there are never more than two levels."
DEPTH_WHEN = (
    "NEW.parent_id IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM projects_project AS parent WHERE parent.id = NEW.parent_id AND parent.kind = 'stack')"
)
KIND = "A stack with components stays a stack, and what holds packages never becomes one."
KIND_WHEN = (
    "(OLD.kind = 'stack' AND NEW.kind <> 'stack' AND EXISTS"
    " (SELECT 1 FROM projects_project AS child WHERE child.parent_id = NEW.id))"
    " OR (NEW.kind = 'stack' AND EXISTS"
    " (SELECT 1 FROM projects_projectpackage AS held WHERE held.project_id = NEW.id))"
)
PACKAGES = "A stack holds no packages: give them to its components."
PACKAGES_WHEN = "EXISTS (SELECT 1 FROM projects_project AS p WHERE p.id = NEW.project_id AND p.kind = 'stack')"


class Migration(migrations.Migration):
    """What the kinds of project mean, where two rows are involved and a check constraint cannot see both."""

    dependencies: ClassVar = [("projects", "0001_initial")]
    operations: ClassVar = [
        Refuse("projects_project", "INSERT", DEPTH, when=DEPTH_WHEN),
        Refuse("projects_project", "UPDATE", DEPTH, columns=("parent_id",), when=DEPTH_WHEN),
        Refuse("projects_project", "UPDATE", KIND, columns=("kind",), when=KIND_WHEN),
        Refuse("projects_projectpackage", "INSERT", PACKAGES, when=PACKAGES_WHEN),
        Refuse("projects_projectpackage", "UPDATE", PACKAGES, columns=("project_id",), when=PACKAGES_WHEN),
    ]
