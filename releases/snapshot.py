"""What a component's release freezes besides its packages: the process and the variables, as plain JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from config import encryption
from projects.models import Project, Variable
from releases import nearby

# The narrower a value is written, the stronger: everywhere < this environment, shared < the stack's < the component's own.
SHARED, STACK, OWN = "shared", "stack", "own"
STRENGTH = {SHARED: 0, STACK: 1, OWN: 2}


def take(project: Project) -> dict[str, Any]:
    """The snapshot of a project that is deployed itself: {"process": {…, "steps": […]}, "variables": […]}.

    Sensitive values stay encrypted. A stack has neither, so its snapshot is empty.
    """
    return take_each([project])[project.pk]


def take_each(projects: Sequence[Project]) -> dict[int, dict[str, Any]]:
    """The snapshots of components of one stack, by their ids, in two queries."""
    processes, variables = nearby.processes_of(projects), nearby.variables_of(projects)
    return {
        project.pk: {
            "process": processes[project.process_id],
            "variables": [_frozen(variable, project) for variable in variables if _is_for(variable, project)],
        }
        if project.process_id
        else {}
        for project in projects
    }


def fingerprint(snapshot: dict[str, Any], contents: list[str]) -> str:
    """The same for the same contents, process and variables, whatever their encryption looks like today.

    contents: one line per package or component, in any order. Keyed, because the variables hold secrets.
    """
    readable = {
        "contents": sorted(contents),
        "process": snapshot.get("process"),
        "variables": [variable | {"value": _plain(variable)} for variable in snapshot.get("variables", [])],
    }
    return encryption.fingerprint(json.dumps(readable, sort_keys=True))


def environment_of(snapshot: dict[str, Any], environment: str) -> tuple[dict[str, str], set[str]]:
    """The variables for one environment (its slug) by name, decrypted, and the values among them that must be masked."""
    values: dict[str, str] = {}
    secret: dict[str, bool] = {}
    for variable in sorted(snapshot.get("variables", []), key=_strength):
        if variable["environment"] in (None, environment):
            values[variable["name"]] = _plain(variable)
            secret[variable["name"]] = variable["sensitive"]
    return values, {values[name] for name, masked in secret.items() if masked and values[name]}


@dataclass(frozen=True)
class Example:
    """A variable as an example may show it: never a sensitive value, and none that holds in one environment only."""

    name: str
    value: str
    sensitive: bool
    environments: tuple[str, ...]  # slugs of those that have a value of their own


def examples_of(snapshot: dict[str, Any]) -> list[Example]:
    """The variables that the scripts get, by name, with the values that hold everywhere and are no secret."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for variable in sorted(snapshot.get("variables", []), key=_strength):
        by_name.setdefault(variable["name"], []).append(variable)
    return [_example(name, variables) for name, variables in sorted(by_name.items())]


def _example(name: str, variables: list[dict[str, Any]]) -> Example:
    everywhere = [variable for variable in variables if variable["environment"] is None]
    shown = everywhere[-1]["value"] if everywhere and not everywhere[-1]["sensitive"] else ""
    places = sorted({variable["environment"] for variable in variables} - {None})
    return Example(name, shown, any(variable["sensitive"] for variable in variables), tuple(places))


def _strength(variable: dict[str, Any]) -> tuple[int, bool]:
    return STRENGTH[variable["scope"]], variable["environment"] is not None


def _plain(variable: dict[str, Any]) -> str:
    value: str = variable["value"]
    return encryption.decrypt(value) if variable["sensitive"] else value


def _is_for(variable: Variable, project: Project) -> bool:
    return variable.project_id is None or variable.project_id in project.family


def _frozen(variable: Variable, project: Project) -> dict[str, Any]:
    scope = SHARED if variable.project_id is None else OWN if variable.project_id == project.pk else STACK
    return {
        "name": variable.name,
        "environment": variable.environment.slug if variable.environment else None,
        "scope": scope,
        "sensitive": variable.sensitive,
        "value": variable.value,
    }
