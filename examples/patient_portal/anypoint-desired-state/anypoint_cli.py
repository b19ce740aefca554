"""CloudHub itself, through anypoint-cli-v4.

Commands and flags as in MuleSoft's "CLI for CloudHub 2.0" (runtime-mgr:application:list, describe, deploy, modify).
Tried only with a recording fake of the CLI: where the description of an application keeps its properties is not known
for certain, so they are looked for by name wherever they are. An application without them counts as changed.
The CLI takes its credentials from the environment; they never appear among its arguments.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

from target import Current, Desired, TargetRefused

CLI = "anypoint-cli-v4"
HASH_PROPERTY = "desired.state.hash"
VERSION_PROPERTY = "desired.state.version"
RELEASE_PROPERTY = "desired.state.release"


class AnypointCli:
    """One environment of an Anypoint organisation."""

    def __init__(self, environment: str, secrets: tuple[str, ...]) -> None:
        if shutil.which(CLI) is None:
            raise TargetRefused(f"{CLI} is not in PATH. Install it on the machine that runs this script.")
        self._environment = environment
        self._secrets = secrets

    def __str__(self) -> str:
        return f"CloudHub environment {self._environment}"

    def current(self) -> dict[str, Current]:
        """What runs there, by name; raises TargetRefused."""
        listed = self._json("runtime-mgr:application:list")
        if not isinstance(listed, list):
            raise TargetRefused(f"The list of applications that {CLI} gave is not a list. Nothing was changed.")
        return {str(item["name"]): self._described(str(item["id"])) for item in listed if {"id", "name"} <= set(item)}

    def apply(self, desired: Desired, current: Current | None, release: str) -> None:
        """Deploy a new application or modify the one that runs; raises TargetRefused."""
        command = self._deploy(desired) if current is None else self._modify(desired, current)
        command += ["--assetVersion", desired.version, "--environment", self._environment]
        for setting, flag in (("replicas", "--replicas"), ("replica_size", "--replicaSize")):
            if setting in desired.settings:
                command += [flag, desired.settings[setting]]
        for name, value in self._properties(desired, release).items():
            command += ["--property", f"{name}:{value}"]
        for line in self._run(command).splitlines():
            print(f"  {line}")

    def _deploy(self, desired: Desired) -> list[str]:
        command = ["runtime-mgr:application:deploy", desired.name]
        command += [_needed(desired, "region"), _needed(desired, "runtime_version"), desired.name]
        for setting, flag in (("release_channel", "--releaseChannel"), ("java_version", "--javaVersion")):
            if setting in desired.settings:
                command += [flag, desired.settings[setting]]
        return command

    def _modify(self, desired: Desired, current: Current) -> list[str]:
        command = ["runtime-mgr:application:modify", current.reference, "--artifactId", desired.name]
        return [*command, "--runtimeVersion", _needed(desired, "runtime_version")]

    def _properties(self, desired: Desired, release: str) -> dict[str, str]:
        """The application's own properties, then those that record its state."""
        prefix = "property."
        own = {key[len(prefix) :]: value for key, value in desired.settings.items() if key.startswith(prefix)}
        state = {HASH_PROPERTY: desired.settings_hash, VERSION_PROPERTY: desired.version, RELEASE_PROPERTY: release}
        return {**own, **state}

    def _described(self, reference: str) -> Current:
        described = self._json("runtime-mgr:application:describe", reference)
        return Current(reference, _anywhere(described, VERSION_PROPERTY), _anywhere(described, HASH_PROPERTY))

    def _json(self, *command: str) -> Any:
        output = self._run([*command, "--environment", self._environment, "--output", "json"])
        try:
            return json.loads(output)
        except ValueError as error:
            raise TargetRefused(f"{CLI} {command[0]} did not answer with JSON. Nothing more was changed.") from error

    def _run(self, command: list[str]) -> str:
        """Standard output of the CLI, without secrets; raises TargetRefused when it fails."""
        done = subprocess.run(
            [CLI, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            said = self._masked(done.stderr.strip() or done.stdout.strip() or "It said nothing.")
            raise TargetRefused(f"{CLI} {command[0]} failed with status {done.returncode}: {said}")
        return self._masked(done.stdout)

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "********")
        return text


def _needed(desired: Desired, setting: str) -> str:
    if setting not in desired.settings:
        raise TargetRefused(
            f"The setting {setting} is missing for {desired.name}. Add it to settings/common.properties."
        )
    return desired.settings[setting]


def _anywhere(value: Any, key: str) -> str:
    """The text stored under `key` at whatever depth; empty where there is none."""
    if isinstance(value, dict):
        if isinstance(value.get(key), str):
            return str(value[key])
        value = list(value.values())
    if isinstance(value, list):
        return next((found for found in (_anywhere(item, key) for item in value) if found), "")
    return ""
