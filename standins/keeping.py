"""What the stand-ins keep: one JSON file that is replaced as a whole on every change."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from standins.serving import Refused


def write(path: Path, state: dict[str, Any]) -> None:
    """Replace the file, durably; raise Refused(507) where it cannot be stored."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    except OSError as error:
        raise _not_stored(error) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(state, file, indent=1, sort_keys=False)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise _not_stored(error) from error


def _not_stored(error: OSError) -> Refused:
    return Refused(507, f"The change could not be stored: {error.strerror}.")


def read(path: Path) -> dict[str, Any]:
    """The stored state, empty when there is none; raises SystemExit with a sentence when it cannot be used."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        state = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SystemExit(f"Cannot use {path}: {error.strerror}. State another file with --data.") from error
    except ValueError as error:
        raise SystemExit(f"{path} is not the JSON that this stand-in wrote. Move it away to start empty.") from error
    if not isinstance(state, dict):
        raise SystemExit(f"{path} is not the JSON that this stand-in wrote. Move it away to start empty.")
    return state
