from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def store(settings, tmp_path) -> Path:
    """Where the packages of this one test lie."""
    settings.PACKAGES_DIR = tmp_path / "packages"
    return settings.PACKAGES_DIR
