"""Where a package's bytes lie, and how they are, on the way into an environment."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments import sweep
from deployments.models import Deployment, Status
from deployments.sweep import Sweep
from registry.models import Artifact
from tests.buckets import Bucket
from tests.deployments.patience import wait_until
from tests.deployments.scenes import a_real_version, a_shop, deployed, released, requested, work_through
from tests.deployments.scripts import a_version_holding, output_of
from tests.registry.places import Files

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def files(settings, tmp_path) -> Files:
    """Package storage of this very test."""
    settings.PACKAGES_DIR = tmp_path / "packages"
    return Files(settings.PACKAGES_DIR)


def long_unseen(artifact: Artifact) -> None:
    Artifact.objects.filter(pk=artifact.pk).update(checked_at=timezone.now() - timedelta(days=30))


def problems() -> set[str]:
    return set(Artifact.objects.values_list("problem", flat=True))


def test_a_train_runs_packages_that_lie_in_a_bucket(bucket: Bucket, files):
    train = deployed(released(a_shop(ui='echo "hello from the bucket"\n')))

    assert "hello from the bucket\n" in output_of(train.children.get(project__name="UI"))
    assert len(bucket.names()) == 2
    assert files.names() == []
    assert list(files.store.glob("incoming/*")) == []


def test_a_package_that_was_changed_in_the_bucket_is_not_run(bucket: Bucket):
    train = requested(released(a_shop()))
    bucket.overwrite(Artifact.objects.get(versions__package__name="api").sha256, b"something else")

    work_through()

    train.refresh_from_db()
    assert train.status == Status.FAILED
    assert "was changed in the storage" in train.children.get(project__name="API").outcome


def test_a_bucket_that_is_away_fails_the_deployment_with_a_sentence(bucket: Bucket):
    train = requested(released(a_shop()))
    [bucket.lose(sha256) for sha256 in Artifact.objects.values_list("sha256", flat=True)]
    bucket.client.delete_bucket(Bucket=bucket.name)

    work_through()

    assert "The package storage refuses (NoSuchBucket)" in train.children.get(project__name="API").outcome
    assert problems() == {""}


def test_damage_that_a_deployment_comes_upon_is_noted(files):
    train = requested(released(a_shop()))
    damaged = Artifact.objects.get(versions__package__name="api")
    files.overwrite(damaged.sha256, b"something else")

    work_through()

    train.refresh_from_db()
    damaged.refresh_from_db()
    assert (train.status, damaged.problem) == (Status.FAILED, Artifact.Problem.DAMAGED)


def test_the_sweep_hashes_packages_again_beside_everything_else(files):
    artifact = a_real_version("ui", "1.0.0").bytes
    long_unseen(artifact)
    files.overwrite(artifact.sha256, b"something else")
    looks = Sweep()

    looks.tidy()

    wait_until(lambda: problems() == {Artifact.Problem.DAMAGED})
    assert looks.checking is not None
    looks.checking.join(15)


def test_the_sweep_leaves_packages_alone_that_were_hashed_lately():
    a_real_version("ui", "1.0.0")
    looks = Sweep()

    looks.tidy()

    assert looks.checking is None


def test_a_request_waits_for_a_damaged_package_and_starts_when_it_was_pushed_again(files):
    release = released(a_shop())
    lost = Artifact.objects.get(versions__package__name="ui")
    content = lost.path.read_bytes()
    long_unseen(lost)
    files.lose(lost.sha256)
    looks = Sweep()
    looks.check_packages()
    wait_until(lambda: problems() == {"", Artifact.Problem.MISSING})
    waiting = requested(release)
    sweep.start_scheduled()
    statuses = [Deployment.objects.get(pk=waiting.pk).status]

    a_real_version("ui", "1.0.1", 'echo "hello $1 $2"\n')  # other bytes do not help
    sweep.start_scheduled()
    statuses.append(Deployment.objects.get(pk=waiting.pk).status)
    a_version_holding("ui", "1.0.0", content)
    sweep.start_scheduled()
    work_through()

    statuses.append(Deployment.objects.get(pk=waiting.pk).status)
    assert statuses == [Status.SCHEDULED, Status.SCHEDULED, Status.SUCCEEDED]
