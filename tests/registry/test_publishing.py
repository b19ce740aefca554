import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Event
from registry import actions, storage
from registry.filenames import IdentityRefused, NameRefused
from registry.inspection import PackageRefused
from registry.manifests import ManifestUnreadable
from registry.models import Artifact, Feed, Package, PackageVersion
from registry.storage import Received
from registry.versions import VersionRefused
from tests.registry.packages import SCRIPT, a_tar, a_zip


def a_push(text: bytes = b"hello") -> Received:
    return storage.receive(
        [a_zip({"release.sh": SCRIPT, "manifest": b"patient-api=1.4.114", "x": text})], max_bytes=10_000
    )


def publish(by, version: str = "1.4.0", text: bytes = b"hello", name: str = "patient-ui") -> actions.Published:
    return actions.publish(a_push(text), name=name, version=version, filename="ui.zip", by=by)


def stored(store: Path) -> list[Path]:
    return [path for path in store.rglob("*") if path.is_file()]


def test_a_published_version_says_what_it_is(pusher, store):
    received = a_push()

    published = actions.publish(received, name="patient-ui", version="v1.4", filename="/ci/ui.zip", by=pusher)

    version = PackageVersion.objects.get()
    assert published == actions.Published(version, created=True)
    assert str(version) == "patient-ui 1.4.0"
    assert (version.original, version.filename, version.format) == ("v1.4", "ui.zip", "zip")
    assert (version.entry_point, version.members, version.contents) == ("release.sh", 3, {"patient-api": "1.4.114"})
    assert version.published_by == pusher
    assert version.package.feed == Feed.builtin()
    assert (version.artifact.sha256, version.artifact.size) == (received.sha256, received.size)
    assert storage.verify(received.sha256) == version.artifact.size
    assert stored(store) == [version.artifact.path]


def test_the_manifest_is_read_where_the_package_says_that_it_lies(pusher):
    Package.objects.create(feed=Feed.builtin(), name="state", manifest_file="apps/desired.yaml", manifest_form="yaml")
    received = storage.receive(
        [a_zip({"release.sh": SCRIPT, "apps/desired.yaml": b"patient-api: 1.4.114\n"})], max_bytes=10_000
    )

    published = actions.publish(received, name="State", version="1.0.0", filename="", by=pusher)

    assert published.version.contents == {"patient-api": "1.4.114"}


def test_a_package_without_the_manifest_that_it_is_to_have_is_refused(pusher, store):
    Package.objects.create(feed=Feed.builtin(), name="state", manifest_file="apps/desired.yaml", manifest_form="yaml")
    received = storage.receive([a_zip({"release.sh": SCRIPT})], max_bytes=10_000)

    with pytest.raises(ManifestUnreadable, match=r"apps/desired\.yaml"):
        actions.examine(received, filename="state.1.0.0.zip")

    assert stored(store) == []


def test_publishing_leaves_one_line_in_the_trail(pusher):
    version = publish(pusher).version

    event = Event.objects.get()
    assert (event.actor, event.verb, event.subject_label) == (pusher, "version.published", "patient-ui 1.4.0")
    assert event.sentence == "ci-pipeline published patient-ui 1.4.0."
    assert event.data["sha256"] == version.artifact.sha256


def test_the_same_bytes_again_change_nothing(pusher, store):
    first = publish(pusher, "1.4.0")

    again = publish(pusher, "v1.4")

    assert again == actions.Published(first.version, created=False)
    assert PackageVersion.objects.count() == Event.objects.count() == 1
    assert stored(store) == [first.version.artifact.path]


def test_the_same_bytes_again_heal_a_damaged_artifact(pusher):
    artifact = publish(pusher).version.artifact
    artifact.path.unlink()

    publish(pusher)

    assert storage.verify(artifact.sha256)


@pytest.mark.parametrize("version", ["1.4.0", "1.4", "v1.4.0.0", "1.4.0+build.2"])
def test_a_version_is_never_overwritten(pusher, store, version):
    first = publish(pusher, "1.4.0").version

    with pytest.raises(actions.VersionTaken, match=r"patient-ui 1\.4\.0 was published on .* by ci-pipeline") as refused:
        publish(pusher, version, text=b"other")

    assert refused.value.code == "version-taken"
    assert PackageVersion.objects.get().artifact == first.artifact
    assert stored(store) == [first.artifact.path]


def test_a_withdrawn_version_is_not_published_anew(pusher):
    version = publish(pusher).version
    actions.withdraw(version, by=pusher, reason="Broken sign-in")

    again = publish(pusher)

    assert not again.created
    assert again.version.is_withdrawn


def test_the_case_of_a_name_does_not_make_another_package(pusher):
    publish(pusher, "1.0.0", name="Patient-UI")

    publish(pusher, "1.1.0", name="patient-ui")

    assert Package.objects.get().name == "Patient-UI"
    assert PackageVersion.objects.count() == 2


def test_an_underscore_in_a_name_stands_for_itself(pusher):
    publish(pusher, name="patient_ui")

    publish(pusher, name="patient-ui")

    assert Package.objects.count() == 2


def test_the_same_bytes_under_two_versions_are_stored_once(pusher, store):
    publish(pusher, "1.0.0")

    publish(pusher, "1.1.0")

    assert PackageVersion.objects.count() == 2
    assert Artifact.objects.count() == len(stored(store)) == 1


def test_name_and_version_are_read_from_the_file_name_where_they_are_not_stated(pusher):
    published = actions.publish(a_push(), name="", version="", filename="patient-ui.2.0.0-rc.1.zip", by=pusher)

    assert str(published.version) == "patient-ui 2.0.0-rc.1"


@pytest.mark.parametrize(
    ("stated", "refusal"),
    [
        ({"name": "", "version": "", "filename": "patient-ui-1.4.17.zip"}, IdentityRefused),
        ({"name": "../evil", "version": "1", "filename": ""}, NameRefused),
        ({"name": "ui", "version": "latest", "filename": ""}, VersionRefused),
        ({"name": "ui", "version": "1.2.3.4.5", "filename": ""}, VersionRefused),
    ],
)
def test_a_push_without_a_clear_identity_leaves_nothing(pusher, store, stated, refusal):
    with pytest.raises(refusal):
        actions.publish(a_push(), **stated, by=pusher)

    assert stored(store) == []
    assert not Package.objects.exists()
    assert not Event.objects.exists()


def test_a_hostile_package_leaves_nothing(pusher, store):
    received = storage.receive([a_tar({"../evil": b"x"})], max_bytes=100_000)

    with pytest.raises(PackageRefused, match="outside its directory"):
        actions.publish(received, name="ui", version="1", filename="", by=pusher)

    assert stored(store) == []
    assert not Package.objects.exists()


def test_the_limits_are_those_of_the_installation(pusher, store, settings):
    settings.PACKAGE_MAX_UNPACKED_BYTES = 10

    with pytest.raises(PackageRefused, match="more than 10 bytes"):
        publish(pusher)

    assert stored(store) == []


def test_examining_first_spares_publishing_the_look(pusher, settings):
    received = a_push()
    inspection = actions.examine(received)
    settings.PACKAGE_MAX_MEMBERS = 0

    published = actions.publish(received, name="ui", version="1", filename="", by=pusher, inspection=inspection)

    assert published.version.members == 3


def test_examining_discards_what_it_refuses(store):
    received = storage.receive([b"not an archive"], max_bytes=100)

    with pytest.raises(PackageRefused):
        actions.examine(received)

    assert stored(store) == []


def test_a_rollback_leaves_a_file_that_the_next_push_finds(pusher, store):
    with transaction.atomic():
        publish(pusher)
        transaction.set_rollback(True)

    assert not PackageVersion.objects.exists()
    assert len(stored(store)) == 1
    assert publish(pusher).created
    assert len(stored(store)) == 1


@dataclass(frozen=True)
class Overtaken(Received):
    """Kept bytes during whose publication, between the look and the write, somebody else publishes first."""

    overtake: Callable[[], object]

    def __getattribute__(self, name: str) -> Any:
        if name == "size" and (overtake := self.__dict__.pop("overtake", None)):
            overtake()
        return super().__getattribute__(name)


def overtaken(received: Received, overtake: Callable[[], object]) -> Overtaken:
    storage.keep(received)
    return Overtaken(received.sha256, received.size, received.path, overtake)


def test_of_two_pushes_of_one_version_at_the_same_time_one_wins(pusher, store):
    received = a_push(b"late")
    inspection = actions.examine(received)
    late = overtaken(received, lambda: publish(pusher, "1.4.0", text=b"early"))

    with pytest.raises(actions.VersionTaken):
        actions.publish(late, name="patient-ui", version="1.4.0", filename="", by=pusher, inspection=inspection)

    assert list(store.glob("incoming/*")) == []


def test_of_two_pushes_of_the_same_bytes_at_the_same_time_the_later_changes_nothing(pusher):
    received = a_push(b"same")
    inspection = actions.examine(received)
    late = overtaken(received, lambda: publish(pusher, "1.4.0", text=b"same"))

    published = actions.publish(late, name="patient-ui", version="1.4.0", filename="", by=pusher, inspection=inspection)

    assert not published.created
    assert PackageVersion.objects.get() == published.version
    assert Event.objects.count() == 1


def test_the_newest_version_is_the_highest_not_the_last(pusher):
    order = ["1.4.17", "1.10.0", "2.0.0-rc.1", "1.9.0"]
    [publish(pusher, version, text=version.encode()) for version in order]

    newest = PackageVersion.objects.newest_first().values_list("version", flat=True)

    assert list(newest) == ["2.0.0-rc.1", "1.10.0", "1.9.0", "1.4.17"]


def test_publishing_again_costs_a_fixed_number_of_queries(pusher):
    publish(pusher)
    received = a_push()

    with CaptureQueriesContext(connection) as queries:
        actions.publish(received, name="patient-ui", version="1.4.0", filename="", by=pusher)

    assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == 3


# -- withdrawing ------------------------------------------------------------------------------------------------------


def test_a_withdrawn_version_stays_on_record_and_is_not_eligible(pusher):
    version = publish(pusher).version

    actions.withdraw(version, by=pusher, reason="  Broken sign-in  ")

    version = PackageVersion.objects.get()
    assert version.is_withdrawn
    assert (version.withdrawn_reason, version.withdrawn_by) == ("Broken sign-in", pusher)
    assert not PackageVersion.objects.eligible().exists()
    assert Event.objects.filter(verb="version.withdrawn").get().sentence == (
        "ci-pipeline withdrew patient-ui 1.4.0: Broken sign-in"
    )


def test_a_restored_version_is_eligible_again(pusher):
    version = publish(pusher).version
    actions.withdraw(version, by=pusher, reason="Broken sign-in")

    actions.restore(version, by=pusher, reason="It was the proxy")

    assert PackageVersion.objects.eligible().get().withdrawn_reason == ""
    assert not version.is_withdrawn
    assert Event.objects.filter(verb="version.restored").get().data["reason"] == "It was the proxy"


@pytest.mark.parametrize("reason", ["", "   "])
def test_withdrawing_needs_a_reason(pusher, reason):
    version = publish(pusher).version

    with pytest.raises(actions.ReasonMissing, match=r"Say why patient-ui 1\.4\.0 is withdrawn"):
        actions.withdraw(version, by=pusher, reason=reason)

    assert PackageVersion.objects.eligible().exists()


def test_restoring_needs_a_reason(pusher):
    version = actions.withdraw(publish(pusher).version, by=pusher, reason="Broken")

    with pytest.raises(actions.ReasonMissing, match="put back into use"):
        actions.restore(version, by=pusher, reason=" ")

    assert not PackageVersion.objects.eligible().exists()


def test_what_is_withdrawn_is_not_withdrawn_again(pusher):
    version = actions.withdraw(publish(pusher).version, by=pusher, reason="First reason")

    with pytest.raises(actions.AlreadyWithdrawn, match="has been withdrawn already") as refused:
        actions.withdraw(version, by=pusher, reason="Second reason")

    assert refused.value.code == "already-withdrawn"
    assert PackageVersion.objects.get().withdrawn_reason == "First reason"


def test_what_is_not_withdrawn_is_not_restored(pusher):
    version = publish(pusher).version

    with pytest.raises(actions.NotWithdrawn, match="is not withdrawn") as refused:
        actions.restore(version, by=pusher, reason="Why not")

    assert refused.value.code == "not-withdrawn"


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_of_many_pushes_at_the_same_time_exactly_one_creates_the_version(pusher, store):
    start = threading.Barrier(6)

    def push(text: bytes) -> str:
        received = a_push(text)
        start.wait(timeout=30)
        try:
            published = actions.publish(received, name="patient-ui", version="1.0", filename="", by=pusher)
        except actions.VersionTaken as refused:
            return refused.code
        else:
            return f"created: {published.created}"
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        outcomes = sorted(threads.map(push, [b"one", b"two", b"three"] * 2))

    assert outcomes == ["created: False", "created: True", *["version-taken"] * 4]
    assert storage.verify(PackageVersion.objects.get().artifact.sha256)
    assert list(store.glob("incoming/*")) == []
