"""The installation makes its own secrets, once, and never a second time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from config import secrets


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    first = secrets.read_or_create(tmp_path, "secret-key")

    assert secrets.read_or_create(tmp_path, "secret-key") == first
    assert len(first) >= 50


def test_a_secret_that_was_not_made_yet_is_none(tmp_path: Path) -> None:
    assert secrets.read(tmp_path, "secret-key") is None


def test_the_encryption_key_can_encrypt(tmp_path: Path) -> None:
    box = Fernet(secrets.read_or_create(tmp_path, "encryption-key"))

    assert box.decrypt(box.encrypt(b"words")) == b"words"


def test_secrets_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    secrets.ensure(tmp_path / "new" / "data")

    files = sorted((tmp_path / "new" / "data").iterdir())
    assert [(file.name, file.stat().st_mode & 0o777) for file in files] == [
        ("encryption-key", 0o600),
        ("secret-key", 0o600),
    ]


def test_all_who_ask_at_once_get_the_same_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(lambda _: secrets.read_or_create(tmp_path, "secret-key"), range(32)))

    assert len(values) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret-key"]


def test_an_empty_file_is_refused_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "encryption-key").write_text("\n")

    with pytest.raises(secrets.UnreadableSecret, match="encryption-key is empty; restore it from a backup"):
        secrets.read_or_create(tmp_path, "encryption-key")
