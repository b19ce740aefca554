from importlib import import_module
from typing import ClassVar

from django.db import migrations

from config.immutable import Refuse

BEFORE = import_module("registry.migrations.0003_published_once")
STORED = ("registry_artifact", "UPDATE")
NAMED = ("registry_package", "UPDATE")
NAME = "A package keeps its feed and its name."
BYTES = "Stored bytes never change."
EVIDENCE = "What was said about a version is part of the record."


class Migration(migrations.Migration):
    """Still only what is said about a version's withdrawal and removal, and about how its bytes were found, changes."""

    dependencies: ClassVar = [("registry", "0004_outside_stores")]
    operations: ClassVar = [
        *(Refuse.like(rule) for rule in BEFORE.Migration.operations if (rule.table, rule.event) not in (STORED, NAMED)),
        Refuse(*NAMED, NAME, ("feed_id", "name"), when="NEW.feed_id <> OLD.feed_id OR NEW.name <> OLD.name"),
        Refuse(*STORED, BYTES, columns=("sha256", "size")),
        Refuse("registry_packageversion", "UPDATE", BEFORE.VERSION, columns=("about", "digest")),
        Refuse("registry_buildinformation", "UPDATE", EVIDENCE),
        Refuse("registry_buildinformation", "DELETE", EVIDENCE),
        Refuse("registry_attachment", "UPDATE", EVIDENCE),
        Refuse("registry_attachment", "DELETE", EVIDENCE),
    ]
