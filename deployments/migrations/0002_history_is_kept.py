from typing import ClassVar

from django.db import migrations

from config.immutable import Refuse

FINAL = "('succeeded', 'skipped', 'failed', 'cancelled', 'rejected', 'superseded', 'expired')"
LIVE = "deployments_liveversion"
OVERLAP = (
    f"EXISTS (SELECT 1 FROM {LIVE} AS other WHERE other.project_id = NEW.project_id"
    " AND other.environment_id = NEW.environment_id"
    " AND (other.until_at IS NULL OR other.until_at > NEW.from_at)"
    " AND (NEW.until_at IS NULL OR other.from_at < NEW.until_at))"
)


class Migration(migrations.Migration):
    """Final is final, and what was live when is never rewritten."""

    dependencies: ClassVar = [("deployments", "0001_initial")]
    operations: ClassVar = [
        Refuse(
            "deployments_deployment",
            "UPDATE",
            "Final is final: trying again is a new deployment.",
            columns=("status",),
            when=f"OLD.status IN {FINAL} AND NEW.status <> OLD.status",
        ),
        Refuse("deployments_deployment", "DELETE", "A deployment is never deleted: it is part of the record."),
        Refuse("deployments_approval", "DELETE", "A decision is never deleted: it is withdrawn."),
        Refuse(
            "deployments_approval",
            "UPDATE",
            "A decision is never changed: it is withdrawn and made anew.",
            columns=("deployment_id", "person_id", "decision", "comment", "fingerprint", "at"),
        ),
        Refuse(LIVE, "DELETE", "What was live is never deleted."),
        Refuse(LIVE, "INSERT", "Two releases of a project are never live in one place at once.", when=OVERLAP),
        Refuse(
            LIVE,
            "UPDATE",
            "What was live when is never rewritten; only an open interval may be closed.",
            columns=("project_id", "environment_id", "release_id", "deployment_id", "from_at"),
        ),
        Refuse(
            LIVE,
            "UPDATE",
            "What was live when is never rewritten; a closed interval stays as it is.",
            columns=("until_at",),
            when="OLD.until_at IS NOT NULL",
        ),
    ]
