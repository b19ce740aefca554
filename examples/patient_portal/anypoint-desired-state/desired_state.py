"""Compare what should run on CloudHub with what runs there, and apply only the difference.

    desired_state.py ENVIRONMENT RELEASE

The manifest states each API's version, settings/ states the rest. The SHA-256 over both identifies an API's state
without disclosing it. It is stored with the application on the target itself and read back from there, so deleting an
application is enough to have it deployed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import anypoint_cli
import cloudhub_standin
from target import Current, Desired, Target, TargetRefused

ARGUMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")


class NotUsable(Exception):
    """The package or its arguments cannot be used; carries one sentence."""


def lines_of(path: Path) -> dict[str, str]:
    """The `name=value` lines of a file, in order; raises NotUsable with the line that is something else."""
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise NotUsable(f"Line {number} of {path.name} is not name=value: {text}")
        if name in found:
            raise NotUsable(f"{name} is stated twice in {path.name}. Keep one line.")
        found[name] = value
    return found


def manifest_of(package: Path) -> dict[str, str]:
    """API name to version; raises NotUsable when the manifest is missing, empty or malformed."""
    path = package / "manifest"
    if not path.is_file():
        raise NotUsable("The package has no manifest. Add one with a line component=version for each API.")
    manifest = lines_of(path)
    if not manifest:
        raise NotUsable("The manifest names no API. Add a line component=version for each.")
    for name, version in manifest.items():
        if not ARGUMENT.fullmatch(name) or not VERSION.fullmatch(version):
            raise NotUsable(f"The manifest line {name}={version} is not component=version.")
    return manifest


def settings_of(package: Path, environment: str) -> dict[str, str]:
    """Common settings with those of the environment over them; raises NotUsable for an environment without any."""
    folder = package / "settings"
    known = sorted(path.stem for path in folder.glob("*.properties") if path.stem != "common")
    if environment not in known:
        listed = ", ".join(known) or "none"
        raise NotUsable(
            f"This package has no settings for {environment}, only for: {listed}. Add {environment}.properties."
        )
    return {**lines_of(folder / "common.properties"), **lines_of(folder / f"{environment}.properties")}


def desired_state(manifest: Mapping[str, str], settings: Mapping[str, str]) -> list[Desired]:
    """What should run: each API with the settings that concern it, in the order of the manifest."""
    shared = {key: value for key, value in settings.items() if key.split(".")[0] not in manifest}
    return [_desired(name, version, {**shared, **_own(name, settings)}) for name, version in manifest.items()]


def _own(name: str, settings: Mapping[str, str]) -> dict[str, str]:
    return {key[len(name) + 1 :]: value for key, value in settings.items() if key.startswith(name + ".")}


def _desired(name: str, version: str, settings: dict[str, str]) -> Desired:
    state = json.dumps({"name": name, "version": version, "settings": settings}, sort_keys=True)
    return Desired(name, version, settings, hashlib.sha256(state.encode()).hexdigest())


def target_for(environment: str, settings: Mapping[str, str], variables: Mapping[str, str]) -> Target:
    """CloudHub itself when credentials are given, else the stand-in; raises NotUsable when neither can be reached."""
    identity, secret = variables.get("ANYPOINT_CLIENT_ID", ""), variables.get("ANYPOINT_CLIENT_SECRET", "")
    if bool(identity) != bool(secret):
        raise NotUsable("Set both ANYPOINT_CLIENT_ID and ANYPOINT_CLIENT_SECRET, or neither.")
    if identity:
        return anypoint_cli.AnypointCli(settings.get("anypoint_environment", environment), secrets=(identity, secret))
    if url := variables.get("CLOUDHUB_URL", ""):
        return cloudhub_standin.CloudHubStandIn(url, environment)
    raise NotUsable(
        "There is nowhere to deploy to. "
        "Set ANYPOINT_CLIENT_ID and ANYPOINT_CLIENT_SECRET, or CLOUDHUB_URL for the stand-in."
    )


def sentence_for(desired: Desired, current: Current | None) -> str:
    """What happened to one API, as a line of the log."""
    if current is None:
        return f"{desired.name} none -> {desired.version}: applied"
    if current.settings_hash == desired.settings_hash:
        return f"{desired.name} {desired.version}: unchanged"
    if current.version == desired.version:
        return f"{desired.name} {desired.version}, settings changed: applied"
    return f"{desired.name} {current.version or 'unknown'} -> {desired.version}: applied"


def bring_about(target: Target, wanted: list[Desired], release: str) -> None:
    """Apply what differs, in order; raises TargetRefused at the first that cannot be applied."""
    current = target.current()
    changed = 0
    for desired in wanted:
        before = current.get(desired.name)
        if before is None or before.settings_hash != desired.settings_hash:
            target.apply(desired, before, release)
            changed += 1
        print(sentence_for(desired, before))
    print(f"{changed} of {len(wanted)} applied, {len(wanted) - changed} unchanged.")


def main(environment: str, release: str) -> None:
    """Raises NotUsable or TargetRefused with the sentence to print."""
    if not ARGUMENT.fullmatch(environment):
        raise NotUsable(f"{environment!r} cannot be the name of an environment.")
    if not ARGUMENT.fullmatch(release):
        raise NotUsable(f"{release!r} cannot be a release number.")
    package = Path(__file__).resolve().parent
    version = (package / "VERSION").read_text(encoding="utf-8").strip()
    settings = settings_of(package, environment)
    wanted = desired_state(manifest_of(package), settings)
    target = target_for(environment, settings, os.environ)
    print(f"Anypoint desired state {version}, release {release}, to {environment} on {target}")
    bring_about(target, wanted, release)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2])
    except (NotUsable, TargetRefused, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
