"""Secrets that the installation makes for itself and keeps as files of mode 0600 in its data directory.

`secret-key` signs sessions and `encryption-key` is the Fernet key for sensitive values. Neither is ever fixed, shown
or in the repository. A secret that is given by the environment never comes here.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet

SECRET_KEY = "secret-key"  # noqa: S105 - the name of a file
ENCRYPTION_KEY = "encryption-key"


class UnreadableSecret(Exception):
    """Raised with one sentence for people when a secret's file exists and holds nothing usable."""


def ensure(data_dir: Path) -> None:
    """Make both secrets in `data_dir`, and the directory itself (0700), where they are missing."""
    read_or_create(data_dir, SECRET_KEY)
    read_or_create(data_dir, ENCRYPTION_KEY)


def read(data_dir: Path, name: str) -> str | None:
    """The secret `name`, or None when it has not been made yet.

    Raises UnreadableSecret when its file is empty: making a new one would lose everything encrypted with the old one.
    """
    path = Path(data_dir) / name
    try:
        value = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSecret(
            f"{path} cannot be read; restore it from a backup or give its value as a setting."
        ) from error
    if not value:
        raise UnreadableSecret(f"{path} is empty; restore it from a backup or give its value as a setting.")
    return value


def read_or_create(data_dir: Path, name: str) -> str:
    """The secret `name`; the first of several processes that ask makes it and all get the same one.

    Raises UnreadableSecret as `read` does, and OSError when the directory cannot be made or written.
    """
    data_dir = Path(data_dir)
    return read(data_dir, name) or _create(data_dir, name)


def _create(data_dir: Path, name: str) -> str:
    """Write a random value beside its place and link it there, so that nobody ever sees half of it."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = data_dir / f".{name}.{secrets.token_hex(8)}"
    try:
        _write_private(draft, _random_value(name))
        with suppress(FileExistsError):  # another process was first: its value is the secret
            os.link(draft, data_dir / name)
    finally:
        draft.unlink(missing_ok=True)
    value = read(data_dir, name)
    if value is None:
        raise UnreadableSecret(f"{data_dir / name} was removed while it was being made; start again.")
    return value


def _random_value(name: str) -> str:
    return Fernet.generate_key().decode("ascii") if name == ENCRYPTION_KEY else secrets.token_urlsafe(48)


def _write_private(path: Path, value: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(value + "\n")
        file.flush()
        os.fsync(file.fileno())
