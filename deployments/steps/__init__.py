"""The kinds of step: one module each, found here by the kind's name."""

from collections.abc import Callable, Mapping
from typing import Any

from deployments import spool
from deployments.models import Deployment
from deployments.steps import run_package
from deployments.steps.command import Command, StepRefused

PREPARE: Mapping[str, Callable[[Deployment, dict[str, Any], str], Command]] = {
    "run-package": run_package.prepare,
}


def prepare(deployment: Deployment, step: dict[str, Any], run: str) -> Command:
    """Make ready what the step (as frozen in the release) runs in the private directory of this run.

    Raises StepRefused with a sentence when it cannot be run at all.
    """
    if step["kind"] not in PREPARE:
        raise StepRefused(f"“{step['kind']}” is not a kind of step that this version of Signalbox knows.")
    if sentence := spool.refusal():
        raise StepRefused(sentence)
    command = PREPARE[step["kind"]](deployment, step, run)
    spool.introduce(run, command.introduction)
    spool.entrust(run)
    return command


__all__ = ["Command", "StepRefused", "prepare"]
