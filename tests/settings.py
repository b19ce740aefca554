"""The settings under test: those of the product, with a data directory of their own for each test process.

Neither the caller's DATA_DIR nor a developer's `.env` changes what the tests say. DATABASE_URL and CELERY_BROKER_URL
count when they are in the environment: `tests/run.py` sets them to its private servers.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import environ

ROOT_VARIABLE = "SIGNALBOX_TEST_ROOT"  # inherited by the workers of pytest-xdist, so that one clears up for all


def _own_data_dir() -> Path:
    if ROOT_VARIABLE not in os.environ:
        os.environ[ROOT_VARIABLE] = tempfile.mkdtemp(prefix="signalbox-tests-")
        atexit.register(shutil.rmtree, os.environ[ROOT_VARIABLE], ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix="process-", dir=os.environ[ROOT_VARIABLE]))


_data_dir = _own_data_dir()
os.environ["DATA_DIR"] = str(_data_dir)
os.environ.setdefault("CELERY_BROKER_URL", "memory://")
os.environ["CELERY_KEY_PREFIX"] = f"signalbox-tests-{os.getpid()}:"  # several test processes may share a broker
with mock.patch.object(environ.FileAwareEnv, "read_env"):
    from config.settings import *  # noqa: F403
    from config.settings import DATABASES, STATIC_ROOT, STORAGES

STATIC_ROOT.mkdir()
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"] == "config.sqlite":
    # A file, as in production: threads and a live server then have connections of their own.
    DATABASES["default"]["TEST"] = {"NAME": str(_data_dir / "test.sqlite3")}
