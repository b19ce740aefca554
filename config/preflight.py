"""Looks at what the environment and `.env` say before the settings are loaded, so that a wrong value gets a sentence.

Settings are read while a module is imported, where a mistake would end in a traceback. This module reads the same
names first and says everything that is wrong at once. Names and meanings: `.env.example`.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import environ
from cryptography.fernet import Fernet

from config import secrets
from deployments import account, limits

BASE_DIR = Path(__file__).resolve().parent.parent
WRONG_SETTINGS = 2  # exit status

YES_OR_NO = {"yes", "no", "true", "false", "on", "off", "1", "0"}
SECRET_MIN = 16
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DATABASES = ("sqlite", "postgres", "postgresql")
MAIL_SERVERS = ("smtp", "smtps", "smtp+tls", "smtp+ssl")
BROKERS = ("redis", "rediss", "redis+socket", "memory")
PORTS = {"PORT": "8000", "SITES_PORT": "8001", "CLOUDHUB_PORT": "8002", "CONFLUENCE_PORT": "8003"}

Check = Callable[[str], str | None]  # takes the value; says what it must be, or None when it is right


def refuse_wrong_settings() -> None:
    """Print what is wrong, one sentence a line, and exit with status 2; return when nothing is."""
    found = complaints(environ.FileAwareEnv(), BASE_DIR / ".env")
    if found:
        sys.stderr.write("".join(f"{sentence}\n" for sentence in found))
        sys.exit(WRONG_SETTINGS)


def complaints(env: environ.FileAwareEnv, dotenv: Path) -> list[str]:
    """One sentence for each wrong setting; where all are right, one for each that this machine does not allow."""
    env.read_env(dotenv)
    return (
        [*_wrong_values(env), *_clashing_ports(env), *_half_a_bucket(env)]
        or [*_unusable_data_dir(env)]
        or [*_impossible_runs(env)]
    )


def _wrong_values(env: environ.FileAwareEnv) -> Iterator[str]:
    for name, check in CHECKS.items():
        try:
            value = env.str(name, default="").strip()
        except OSError as error:
            yield f"{name}_FILE names a file that cannot be read: {error.strerror}."
            continue
        if value and (expected := check(value)):
            shown = _shown(name, value)
            yield f"{name} must be {expected}, and it is “{shown}”; change it in the environment or in .env."


def _shown(name: str, value: str) -> str:
    """The value, without what may be secret in it."""
    if name in ("ENCRYPTION_KEYS", "METRICS_TOKEN"):
        return "…"
    return f"{value.partition('://')[0]}://…" if "@" in value else value


def _clashing_ports(env: environ.FileAwareEnv) -> Iterator[str]:
    if not env.bool("EXAMPLE", default=True):
        return  # then the others are not used
    used: dict[str, str] = {}
    for name, default in PORTS.items():
        port = env.str(name, default="").strip() or default
        if port in used:
            yield f"{used[port]} and {name} are both {port}; give each a port of its own."
        used.setdefault(port, name)


def _half_a_bucket(env: environ.FileAwareEnv) -> Iterator[str]:
    """What PACKAGES_STORAGE=s3 takes beside it."""
    if env.str("PACKAGES_STORAGE", default="").strip().lower() != "s3":
        return
    if not env.str("PACKAGES_S3_BUCKET", default="").strip():
        yield "PACKAGES_STORAGE is s3, and PACKAGES_S3_BUCKET is not set; name the bucket in the environment or in .env."
    keys = [bool(env.str(f"PACKAGES_S3_{name}_KEY", default="").strip()) for name in ("ACCESS", "SECRET")]
    if keys[0] != keys[1]:
        yield (
            "Only one of PACKAGES_S3_ACCESS_KEY and PACKAGES_S3_SECRET_KEY is set; set both, or none where this machine has a"
            " role of its own."
        )


def _unusable_data_dir(env: environ.FileAwareEnv) -> Iterator[str]:
    """Try it: permissions alone do not tell whether a directory can be written."""
    data_dir = _data_dir(env)
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
        for name, setting in ((secrets.SECRET_KEY, "SECRET_KEY"), (secrets.ENCRYPTION_KEY, "ENCRYPTION_KEYS")):
            if not env.str(setting, default=""):
                secrets.read_or_create(data_dir, name)
    except OSError as error:
        yield f"{data_dir} cannot be written ({error.strerror}); set DATA_DIR to a directory that you may write."
    except secrets.UnreadableSecret as refusal:
        yield str(refusal)


def _impossible_runs(env: environ.FileAwareEnv) -> Iterator[str]:
    """Try out what scripts are confined to: only the machine knows what it allows."""
    asked = {name: int(env.str(name, default="").strip() or 0) for name in limits.COMMANDS}
    user = env.str("RUN_AS_USER", default="").strip()
    if sentence := limits.refusal(asked, as_root=account.of_scripts_is_root(user)):
        yield sentence
    try:
        spool = Path(env.str("SPOOL_DIR", default="") or _data_dir(env) / "spool").absolute()
        if sentence := account.refusal(user, spool):
            yield sentence
    except OSError as error:
        yield f"{error.filename} cannot be written ({error.strerror}); set SPOOL_DIR to a directory that you may write."


def _data_dir(env: environ.FileAwareEnv) -> Path:
    return Path(env.str("DATA_DIR", default="") or BASE_DIR / "data").absolute()


def _number(lowest: int, highest: int | None = None) -> Check:
    expected = f"a whole number from {lowest} to {highest}" if highest else f"a whole number, {lowest} or more"

    def check(value: str) -> str | None:
        right = value.isascii() and value.isdigit() and lowest <= int(value) <= (highest or int(value))
        return None if right else expected

    return check


def _seconds(value: str) -> str | None:
    try:
        right = 0 < float(value) < float("inf")
    except ValueError:
        right = False
    return None if right else "a number of seconds above 0"


def _yes_or_no(value: str) -> str | None:
    return None if value.lower() in YES_OR_NO else "yes or no"


def _one_of(*choices: str) -> Check:
    return lambda value: None if value.upper() in choices else f"one of {', '.join(choices)}"


def _address(*schemes: str) -> Check:
    def check(value: str) -> str | None:
        try:
            right = urlsplit(value).scheme in schemes and "://" in value
        except ValueError:
            right = False
        return None if right else f"an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"

    return check


def _mail_server(value: str) -> str | None:
    if wrong := _address(*MAIL_SERVERS)(value):
        return wrong
    try:
        right = bool(urlsplit(value).hostname) and urlsplit(value).port != 0
    except ValueError:
        right = False
    return None if right else "the address of a mail server, such as smtp+tls://mail.example:587"


def _mail_address(value: str) -> str | None:
    _, address = parseaddr(value)
    right = value.isprintable() and all(address.partition("@")) and "@" not in address.partition("@")[2]
    return None if right else "a mail address, such as Signalbox <signalbox@example.org>"


def _time_zone(value: str) -> str | None:
    return None if value in available_timezones() else "the name of a time zone, such as Europe/Stockholm"


def _secret(value: str) -> str | None:
    right = len(value) >= SECRET_MIN and value.isascii() and value.isprintable() and " " not in value
    return None if right else f"at least {SECRET_MIN} letters, digits and signs, without spaces"


def _path_of_addresses(value: str) -> str | None:
    right = len(value) > 1 and value.startswith("/") and value.endswith("/")
    return None if right else "the beginning of an address, such as /stored/, that begins and ends with a slash"


def _user(value: str) -> str | None:
    return None if account.exists(value) else "the name of a user of this machine"


def _fernet_keys(value: str) -> str | None:
    try:
        for key in value.split(","):
            Fernet(key)
    except ValueError:
        return "one or more Fernet keys, separated by commas"
    return None


CHECKS: dict[str, Check] = {
    **dict.fromkeys(PORTS, _number(1, 65535)),
    **dict.fromkeys(("DEBUG", "HTTPS", "BEHIND_PROXY", "EXAMPLE", "EXAMPLE_PUSH", "ACCESS_LOG"), _yes_or_no),
    "PACKAGES_REDIRECT": _yes_or_no,
    "PACKAGES_STORAGE": _one_of("FILE", "S3"),
    "PACKAGES_S3_ENDPOINT_URL": _address("http", "https"),
    "PACKAGES_REDIRECT_SECONDS": _number(1, 604_800),  # as long as S3 lets an address be good
    "PACKAGES_ACCEL_PREFIX": _path_of_addresses,
    **dict.fromkeys(("PACKAGES_SPARE_BYTES", "ARTIFACT_CHECK_DAYS"), _number(0)),
    **dict.fromkeys(("WORKER_SLOTS", "LOG_MAX_BYTES", "WEB_PROCESSES"), _number(1)),
    **dict.fromkeys(("PACKAGE_MAX_BYTES", "PACKAGE_MAX_UNPACKED_BYTES"), _number(1)),
    **dict.fromkeys(("PACKAGE_MAX_MEMBERS", "PACKAGE_MAX_RATIO"), _number(1)),
    **dict.fromkeys(("LEASE_SECONDS", "SILENCE_SECONDS", "SWEEP_SECONDS"), _seconds),
    **dict.fromkeys(("RING_AGAIN_SECONDS", "CANCEL_GRACE_SECONDS"), _seconds),
    **dict.fromkeys((*limits.COMMANDS, "KEEP_FAILED_RUNS"), _number(0)),
    "KEEP_FAILED_BYTES": _number(1),
    "RUN_AS_USER": _user,
    "BASE_URL": _address("http", "https"),
    "DATABASE_URL": _address(*DATABASES),
    "CELERY_BROKER_URL": _address(*BROKERS),
    "EMAIL_URL": _mail_server,
    "EMAIL_FROM": _mail_address,
    "TIME_ZONE": _time_zone,
    "LOG_LEVEL": _one_of(*LOG_LEVELS),
    "LOG_FORMAT": _one_of("LINE", "JSON"),
    "METRICS_TOKEN": _secret,
    "ENCRYPTION_KEYS": _fernet_keys,
}

if __name__ == "__main__":
    refuse_wrong_settings()
