"""Run the release package: unpack it and start its entry point with `ENVIRONMENT RELEASE`.

The contract is the one of CDAF release packages (release.sh): both as arguments, the variables as environment, the
exit status decides.
"""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from config.encryption import CannotDecrypt
from deployments import nearby, spool
from deployments.models import Deployment
from deployments.steps.command import Command, StepRefused
from registry import inspection, scrubbing, storage
from registry.actions import limits
from registry.models import PackageVersion
from registry.refusals import RegistryRefused
from releases import scripts, snapshot

ARGUMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")  # all that a script sees of the worker's own environment


def prepare(deployment: Deployment, step: dict[str, Any], run: str) -> Command:
    """Verify the digest, unpack into the run's directory and say what to start. Raises StepRefused with a sentence."""
    held = nearby.packages_of(deployment.release)
    version = _package(deployment, held, step["settings"].get("package"))
    entry_point = step["settings"].get("entry_point") or version.entry_point
    if not entry_point:
        raise StepRefused(
            f"{version} has no release.sh, and the process states no other entry point: either the package gets one, or"
            " an administrator names it in the step."
        )
    arguments = [_argument(deployment.environment.name), _argument(_release_argument(deployment))]
    environment, secrets = environment_of(deployment)
    work = _unpack(version, run)
    script = work / entry_point
    if not script.resolve().is_relative_to(work.resolve()) or not script.is_file():
        raise StepRefused(f"{version} holds no file “{entry_point}”, which is stated as its entry point.")
    return Command(
        line=_command(entry_point) + arguments,
        environment={
            **environment,
            "SIGNALBOX_VERSION": version.version,
            "SIGNALBOX_PACKAGE": version.package.name,
            "SIGNALBOX_PACKAGES": scripts.told_of(held),
        },
        secrets=secrets,
        introduction=f"{version} (SHA-256 {version.bytes.sha256[:16]}… verified): {entry_point} {' '.join(arguments)}",
    )


def environment_of(deployment: Deployment) -> tuple[dict[str, str], set[str]]:
    """The environment of the deployment's scripts, and the values in it that must be masked.

    Raises StepRefused with a sentence when a sensitive variable cannot be decrypted.
    """
    try:
        variables, secrets = snapshot.environment_of(deployment.release.snapshot, deployment.environment.slug)
    except CannotDecrypt as error:
        raise StepRefused(str(error)) from error
    inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    about = {
        "SIGNALBOX_DEPLOYMENT": str(deployment.pk),
        "SIGNALBOX_ATTEMPT": str(deployment.attempt),
        "SIGNALBOX_PROJECT": deployment.project.slug,
    }
    return {**inherited, **variables, **about}, secrets


def _package(deployment: Deployment, held: Sequence[PackageVersion], name: str | None) -> PackageVersion:
    version = scripts.run_by(held, name)
    if version is None:
        raise StepRefused(f"{deployment.release} holds no package {name or ''}".rstrip() + ".")
    if version.withdrawn_at:
        because = version.withdrawn_reason
        raise StepRefused(f"{version} was withdrawn meanwhile and is never deployed again: {because}")
    if version.is_removed:
        raise StepRefused(version.removal)
    return version


def _unpack(version: PackageVersion, run: str) -> Path:
    work = spool.directory(run) / "work"
    try:
        with storage.at_hand(version.bytes.sha256) as package:
            inspection.unpack(package, work, limits())
    except RegistryRefused as refusal:
        _note_damage(version, refusal)
        raise StepRefused(f"{version} cannot be run: {refusal}") from refusal
    return work


def _note_damage(version: PackageVersion, refusal: RegistryRefused) -> None:
    """So that later deployments wait for the package instead of failing like this one."""
    if isinstance(refusal, storage.ArtifactDamaged):
        with suppress(storage.StorageAway):
            scrubbing.check(version.bytes)


def _command(entry_point: str) -> list[str]:
    """Shell scripts are run by bash, as they are in CI: archives often lose the executable bit."""
    return ["bash", f"./{entry_point}"] if entry_point.endswith(".sh") else [f"./{entry_point}"]


def _release_argument(deployment: Deployment) -> str:
    """The number that people know the deployment by: the stack's inside a train."""
    return (deployment.parent or deployment).release.argument


def _argument(value: str) -> str:
    if not ARGUMENT.fullmatch(value):
        raise StepRefused(
            f"“{value}” cannot be given to a release package: only letters, digits, “.”, “_” and “-” can."
        )
    return value
