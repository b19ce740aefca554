from typing import ClassVar

from django.db import migrations

from config.immutable import Refuse

MANIFEST = "A release's manifest is frozen: create a new release instead."


class Migration(migrations.Migration):
    """A release never changes once it exists, but for its notes and the prevention of its progress."""

    dependencies: ClassVar = [("releases", "0001_initial")]
    operations: ClassVar = [
        Refuse("releases_releasepackage", "UPDATE", MANIFEST),
        Refuse("releases_releasepackage", "DELETE", MANIFEST),
        Refuse("releases_releasecomponent", "UPDATE", MANIFEST),
        Refuse("releases_releasecomponent", "DELETE", MANIFEST),
        Refuse("releases_release", "DELETE", "A release is never deleted: it is part of the record."),
        Refuse(
            "releases_release",
            "UPDATE",
            "A release is frozen once created: create a new one instead.",
            columns=("project_id", "number", "sort_key", "snapshot", "fingerprint", "created_by_id", "created_at"),
        ),
    ]
