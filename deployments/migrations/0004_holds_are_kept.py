from typing import ClassVar

from django.db import migrations

from config.immutable import Refuse

FINAL = "('succeeded', 'skipped', 'failed', 'cancelled', 'rejected', 'superseded', 'expired')"


class Migration(migrations.Migration):
    """Holds stay on record. The rules of deployments are installed anew: SQLite has rebuilt their table."""

    dependencies: ClassVar = [("deployments", "0003_hold_and_engine")]
    operations: ClassVar = [
        Refuse(
            "deployments_deployment",
            "UPDATE",
            "Final is final: trying again is a new deployment.",
            columns=("status",),
            when=f"OLD.status IN {FINAL} AND NEW.status <> OLD.status",
        ),
        Refuse("deployments_deployment", "DELETE", "A deployment is never deleted: it is part of the record."),
        Refuse("deployments_hold", "DELETE", "A hold is never deleted: it is released."),
        Refuse(
            "deployments_hold",
            "UPDATE",
            "A hold is never changed: it is released, and another one put.",
            columns=("project_id", "environment_id", "reason", "by_id", "at"),
        ),
        Refuse(
            "deployments_hold",
            "UPDATE",
            "A released hold stays as it is.",
            columns=("released_at", "released_by_id", "released_because"),
            when="OLD.released_at IS NOT NULL",
        ),
    ]
