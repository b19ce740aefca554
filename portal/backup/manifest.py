"""What a backup says of itself: what it holds, of which version, with the checksum of every file."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

NAME = "manifest.json"
FORMAT = 1  # of the directory; higher ones are of a later Signalbox
DATABASE = "database"  # the file's name, whichever database it is of
PACKAGES = "packages"
KEYS = "keys"
CHUNK = 1024 * 1024


class BackupRefused(Exception):
    """It cannot be taken or restored. Carries a sentence that says what to do."""


@dataclass
class Manifest:
    """Written last, so that a directory without it is no backup.

    database    "sqlite" or "postgresql"
    migrations  which were applied, as "app.name"
    counts      table → rows
    packages    SHA-256 → bytes of every stored package that is in it
    elsewhere   where packages lie that are not in it
    damaged     SHA-256 of those that were missing or changed on disk already and were left out as told
    files       every other file → SHA-256
    keys        marks of the encryption keys, by which others are told apart; the keys themselves only in `keys/`
    """

    version: str
    taken_at: str
    database: str
    migrations: list[str]
    counts: dict[str, int]
    keys: list[str]
    packages: dict[str, int] = field(default_factory=dict)
    elsewhere: str = ""
    damaged: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Raises BackupRefused when there is none, or none that this version understands."""
        try:
            found: dict[str, Any] = json.loads((directory / NAME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BackupRefused(f"{directory} is no complete backup: it holds no {NAME}.") from None
        except (OSError, ValueError) as error:
            raise BackupRefused(f"{directory / NAME} cannot be read: {error}.") from error
        if found.get("format") != FORMAT:
            later = f"{directory} was taken by Signalbox {found.get('version')}, in a form that this one does not know."
            raise BackupRefused(f"{later} Restore it with that version.")
        try:
            return cls(**found)
        except TypeError as error:
            raise BackupRefused(f"{directory / NAME} is not as Signalbox writes it: {error}.") from error

    def write(self, directory: Path) -> None:
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"
        write_private(directory / NAME, text.encode())


def write_private(path: Path, content: bytes) -> None:
    """A new file, readable by its owner alone from the first byte on, and on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def written(blocks: Iterable[bytes], target: Path) -> str:
    """Write a new file, to the disk, and return the SHA-256 of what was written on the way."""
    digest = hashlib.sha256()
    with target.open("xb") as file:
        for block in blocks:
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def linked(source: Path, target: Path) -> str:
    """Give a file a second name, and return its SHA-256."""
    target.hardlink_to(source)
    return digest_of(target)


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def marks_of(keys: Iterable[str]) -> list[str]:
    """A mark of each key that says nothing about it: keys are random, so that nobody guesses one from its digest."""
    return [hashlib.sha256(b"signalbox backup " + key.encode()).hexdigest()[:16] for key in keys]
