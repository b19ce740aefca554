from typing import ClassVar

from django.db import migrations

from config.immutable import Refuse

RESOLVED = "What an outside store had when it was resolved is part of the record."


class Migration(migrations.Migration):
    """What a release was resolved to never changes; only what the store says now is written beside it."""

    dependencies: ClassVar = [("releases", "0003_keeping_and_resolving")]
    operations: ClassVar = [
        Refuse(
            "releases_resolvedentry",
            "UPDATE",
            RESOLVED,
            columns=("release_id", "component", "package_id", "version", "digest", "resolved_at"),
        ),
        Refuse("releases_resolvedentry", "DELETE", RESOLVED),
    ]
