"""Which bytes go: a version's and its artifact's rows, and the stored bytes after them.

Versions and attachments share artifacts, so that bytes which something old no longer needs may be just what something
new brings. Whoever removes bytes holds the lock of the artifact's row and has noted it there first; whoever brings them
puts them in their place, takes that lock and then looks whether they are there (`scrubbing.stored_again`). A removal
begins with the version; it passes over what somebody else has locked, and waits for nobody.
"""

from collections.abc import Iterable
from functools import partial

from django.db import connection, transaction
from django.utils import timezone

from config import quick
from registry import storage
from registry.models import Artifact, PackageVersion


def hold(versions: Iterable[int]) -> set[int]:
    """Those of these versions (primary keys) that may still be used, and stay so until the transaction ends: neither
    can be removed meanwhile. Many may hold the same version at once."""
    wanted = PackageVersion.objects.eligible().filter(pk__in=[*versions]).order_by("pk").values_list("pk")
    sql, parameters = wanted.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} {quick.held()}", parameters)  # any stronger lock would let releases wait for each other
        return {pk for (pk,) in cursor.fetchall()}


def locked(version: int) -> PackageVersion | None:
    """The version with this primary key, locked so that nobody puts it to use until the transaction ends; None where
    somebody is just doing that."""
    rows = PackageVersion.objects.select_for_update(of=("self",), skip_locked=True)
    return rows.select_related("package", "artifact").filter(pk=version).first()


def remove(version: PackageVersion, reason: str) -> bool:
    """Note that the bytes of this version, which the caller has `locked`, are no longer kept. They are deleted when
    the transaction is committed, unless another version or an attachment needs them.

    False, and nothing is noted: somebody is just bringing the same bytes.
    """
    rows = Artifact.objects.select_for_update(no_key=True, skip_locked=True)
    artifact = rows.filter(pk=version.bytes.pk).first()
    if artifact is None:
        return False
    version.removed_at, version.removed_reason = timezone.now(), reason
    version.save(update_fields=["removed_at", "removed_reason"])
    if not is_needed(artifact):
        artifact.removed_at = version.removed_at
        artifact.save(update_fields=["removed_at"])
        transaction.on_commit(partial(_delete_bytes, artifact.pk), robust=True)
    return True


def is_needed(artifact: Artifact) -> bool:
    """Whether a version that is not removed, or an attachment, consists of these bytes."""
    return artifact.versions.filter(removed_at=None).exists() or artifact.attachments.exists()


@transaction.atomic
def _delete_bytes(artifact: int) -> None:
    """While the lock keeps everybody out who would bring the same bytes. Whoever has brought them already wins, and so
    does whoever has kept them and is yet to say so: what the row was told last is older than those."""
    rows = Artifact.objects.select_for_update(no_key=True)
    if gone := rows.filter(pk=artifact, removed_at__isnull=False).first():
        storage.remove(gone.sha256, kept_before=max(gone.stored_at, gone.checked_at or gone.stored_at))
