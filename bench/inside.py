"""One setup, measured in a process of its own: Django knows one database per process.

Started by `bench.engine` with the settings of the setup in its environment; writes one line of JSON per figure.
"""

import argparse
import importlib
import json
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.conf import settings

import config.celery  # noqa: F401 - the doorbell rings through the application that the settings describe
from bench.figures import Figure, broken_off

if TYPE_CHECKING:
    from bench.stage import Stage

TIMES_THE_FLOOR = {"embedded": 1.1, "services": 1.5}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=TIMES_THE_FLOOR)
    parser.add_argument("--only", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--into", type=Path, required=True)
    given = parser.parse_args()
    django.setup()
    measure(given.name, given.only.split(","), given.rounds, given.into)


def measure(name: str, groups: list[str], rounds: int, into: Path) -> None:
    """Measure these groups of figures one after another."""
    from bench.installation import Installation  # noqa: PLC0415 - models are not loaded before Django is set up
    from bench.stage import Stage  # noqa: PLC0415

    with Installation() as installation, into.open("a", encoding="utf-8") as lines:
        stage = Stage(name, TIMES_THE_FLOOR[name], rounds, settings.DATA_DIR / "bench", installation)
        for group in groups:
            began = time.perf_counter()
            for figure in _figures(group, stage):
                lines.write(json.dumps(asdict(figure)) + "\n")
                lines.flush()
            sys.stderr.write(f"  {name}: {group} took {time.perf_counter() - began:.0f} s\n")


def _figures(group: str, stage: "Stage") -> list[Figure]:
    """What this group measured. A group that breaks off does not take the others with it, but is listed as such."""
    try:
        figures: list[Figure] = importlib.import_module(f"bench.{group}").measure(stage)
    except Exception as error:  # noqa: BLE001 - reported with its traceback
        traceback.print_exc()
        return [broken_off(f"{stage.name}.{group}", error)]
    return figures


if __name__ == "__main__":
    main()
