from typing import ClassVar

from django.db import migrations

from config.immutable import Refuse

VERSION = "A published version never changes: publish a new one."


class Migration(migrations.Migration):
    """What was published stays as it was; only a version's withdrawal may be written and taken back."""

    dependencies: ClassVar = [("registry", "0002_builtin_feed")]
    operations: ClassVar = [
        Refuse("registry_artifact", "UPDATE", "Stored bytes never change."),
        Refuse("registry_artifact", "DELETE", "Stored bytes are part of the record."),
        Refuse(
            "registry_packageversion",
            "UPDATE",
            VERSION,
            columns=(
                "package_id",
                "version",
                "sort_key",
                "original",
                "artifact_id",
                "filename",
                "format",
                "entry_point",
                "members",
                "unpacked_bytes",
                "contents",
                "targets",
                "published_by_id",
                "published_at",
            ),
        ),
        Refuse("registry_packageversion", "DELETE", VERSION),
        Refuse("registry_package", "UPDATE", "A package keeps its feed and its name.", columns=("feed_id", "name")),
        Refuse("registry_package", "DELETE", "A package is part of the record."),
    ]
