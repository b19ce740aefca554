"""Which Signalbox this is: the number is written down once, in pyproject.toml."""

import tomllib
from pathlib import Path

PROJECT_FILE = Path(__file__).resolve().parent.parent / "pyproject.toml"
VERSION: str = tomllib.loads(PROJECT_FILE.read_text(encoding="utf-8"))["project"]["version"]
