from pathlib import Path

import pytest
from django.contrib.auth import get_user_model

from accounts.models import User
from tests.registry.places import Files, Place


@pytest.fixture(autouse=True)
def store(settings, tmp_path) -> Path:
    """Where the packages of this one test lie."""
    settings.PACKAGES_DIR = tmp_path / "packages"
    return settings.PACKAGES_DIR


@pytest.fixture
def pusher(db) -> User:
    return get_user_model().objects.create(username="ci-pipeline", password="!")


@pytest.fixture(params=["file", "s3"])
def place(request: pytest.FixtureRequest, store: Path) -> Place:
    """Each storage in turn, and what happens to what lies there behind our back."""
    return Files(store) if request.param == "file" else request.getfixturevalue("bucket")
