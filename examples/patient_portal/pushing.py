"""The command line of `push`: build a version of a sample package and push it, one plain line for each thing done."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from examples.patient_portal.building import facts_of
from examples.patient_portal.exchange import publish
from examples.patient_portal.packages import (
    COMPONENTS,
    Answer,
    NotPushed,
    build,
    manifest_for,
    push,
    push_build,
    source_of,
)


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 when everything was accepted (or built), 1 with a sentence otherwise."""
    stated = _parser().parse_args(arguments)
    components = COMPONENTS if stated.component == "all" else (stated.component,)
    try:
        for component in components:
            _carry_out(component, stated)
    except NotPushed as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot write {error.filename}: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="push", description="Build a sample package and push it as a CI pipeline would."
    )
    parser.add_argument("component", choices=(*COMPONENTS, "all"))
    parser.add_argument("version", help="for example 1.0.0")
    parser.add_argument(
        "--url", default=os.environ.get("SIGNALBOX_URL", "http://127.0.0.1:8000"), help="or SIGNALBOX_URL"
    )
    parser.add_argument(
        "--token", default=os.environ.get("SIGNALBOX_TOKEN", ""), help="or SIGNALBOX_TOKEN, which is safer"
    )
    parser.add_argument("--manifest", nargs="+", default=[], metavar="API=VERSION", help="APIs of the desired state")
    parser.add_argument(
        "--exchange",
        default=os.environ.get("CLOUDHUB_URL", "http://127.0.0.1:8002"),
        help="where the APIs of the desired state are published first, or CLOUDHUB_URL",
    )
    parser.add_argument("--unpublished", action="store_true", help="leave the APIs of the desired state unpublished")
    parser.add_argument(
        "--work-item",
        nargs="+",
        default=[],
        metavar="ID=TITLE",
        help="what the version brings, for example PP-101=Wards",
    )
    parser.add_argument("--broken", action="store_true", help="a package whose script fails with status 3")
    parser.add_argument("--slow", type=int, default=0, metavar="SECONDS", help="a package whose script takes that long")
    parser.add_argument("--build-only", type=Path, metavar="DIR", help="write the archive there and push nothing")
    return parser


def _carry_out(component: str, stated: argparse.Namespace) -> None:
    work_items = _pairs(stated.work_item, "ID=TITLE")
    content = build(
        component,
        stated.version,
        manifest=_pairs(stated.manifest, "API=VERSION") or None,
        broken=stated.broken,
        slow_seconds=stated.slow,
    )
    print(f"Built {component} {stated.version}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
    if stated.build_only:
        path = stated.build_only / f"{component}.{stated.version}.zip"
        stated.build_only.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(f"Wrote {path}")
        return
    if not stated.token:
        raise NotPushed("There is no token. Set SIGNALBOX_TOKEN to a token with the push scope.")
    if component == "anypoint-desired-state" and not stated.unpublished:
        _publish(stated)
    report(push(stated.url, stated.token, component, stated.version, content), component, stated.version)
    facts = facts_of(component, stated.version, source_of(content), os.environ, work_items)
    push_build(stated.url, stated.token, component, stated.version, facts)
    print(_told(facts))


def _publish(stated: argparse.Namespace) -> None:
    """The APIs first, as their own pipelines would. Without Exchange the package goes all the same, and waits for them."""
    try:
        for api in publish(stated.exchange, _pairs(stated.manifest, "API=VERSION") or manifest_for(stated.version)):
            print(f"Published {api} to Exchange")
    except NotPushed as refusal:
        print(refusal, file=sys.stderr)


def _pairs(stated: Sequence[str], shape: str) -> dict[str, str]:
    """Name to value of what was stated as NAME=VALUE; raises NotPushed for anything else."""
    pairs = [line.partition("=") for line in stated]
    for name, equals, value in pairs:
        if not (name and value):
            example = {"API=VERSION": "patient-api=1.4.113", "ID=TITLE": "PP-101=Wards"}[shape]
            raise NotPushed(f"'{name}{equals}{value}' is not {shape}, for example {example}.")
    return {name: value for name, _, value in pairs}


def _told(facts: Mapping[str, Any]) -> str:
    items = [item["id"] for item in facts.get("work_items", [])]
    brings = f" brings {', '.join(items)}" if items else " names no work items"
    return f"Build {facts.get('number', 'without a number')} of {facts['server']}{brings}"


def report(answer: Answer, component: str, version: str) -> None:
    """Print what the portal made of the push: whether it was new, and each trigger evaluation."""
    known = "" if answer.created else ": the portal had the same bytes already, nothing changed"
    print(f"Pushed {component} {version}{known}")
    evaluations: list[Mapping[str, Any]] = answer.body.get("evaluations") or []
    for evaluation in evaluations:
        print(f"{evaluation.get('project')}: {evaluation.get('sentence')}")
