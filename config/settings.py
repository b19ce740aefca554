"""All settings, in one file. What differs between installations comes from the environment or `.env`.

Every name is explained in `.env.example`. Nothing secret has a default in the code: the secret key and the encryption
key are written once, at random, into the data directory.
"""

import socket
from pathlib import Path
from urllib.parse import quote, urlsplit

import environ
from csp.constants import NONE, SELF

from config import broker, secrets

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()  # FOO_FILE=/run/secrets/foo works wherever FOO does
env.read_env(BASE_DIR / ".env")

DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "data"))).absolute()
DEBUG = env.bool("DEBUG", default=False)

# -- The door ---------------------------------------------------------------------------------------------------------
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
BASE_URL = env.str("BASE_URL", default=f"http://localhost:{PORT}").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECRET_KEY = env.str("SECRET_KEY", default="") or secrets.read_or_create(DATA_DIR, "secret-key")
# Newest first: the first key encrypts, every key decrypts, so that keys can be rotated.
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS", default=[]) or [secrets.read_or_create(DATA_DIR, "encryption-key")]
HTTPS = env.bool("HTTPS", default=BASE_URL.startswith("https://"))
WEB_PROCESSES = env.int("WEB_PROCESSES", default=1)
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # without one, only this very machine may read /metrics

# -- Applications, lowest room first ----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "accounts",
    "lifecycles",
    "registry",
    "projects",
    "releases",
    "deployments",
    "publishing",
    "portal",
    "api",
    "config.apps.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "ninja",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "accounts.address.RememberAddress",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.frame",
            ],
        },
    }
]

# -- Database ---------------------------------------------------------------------------------------------------------
# Both sets of options were measured: no "database is locked" under saturation, short fair waits for writers.
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{quote(str(DATA_DIR))}/signalbox.sqlite3")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"] |= {
        "ENGINE": "config.sqlite",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=134217728;"
            " PRAGMA cache_size=-20000; PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY;",
        },
    }
else:
    DATABASES["default"] |= {
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "server_side_binding": True,  # with the next: what is asked again and again is planned once
            "prepare_threshold": 3,
        }
        | DATABASES["default"].get("OPTIONS", {}),  # what the address says after its “?”, such as sslmode
    }

# -- Who signs in -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "accounts.backends.Administrators"]
LOGIN_URL = "portal:sign-in"
LOGIN_REDIRECT_URL = "portal:overview"
LOGOUT_REDIRECT_URL = "portal:sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "UserAttributeSimilarityValidator")
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# -- Language, time, static files -------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
USE_I18N = False
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# -- Packages ---------------------------------------------------------------------------------------------------------
PACKAGES_DIR = Path(env.str("PACKAGES_DIR", default=str(DATA_DIR / "packages")))
PACKAGES_STORAGE = env.str("PACKAGES_STORAGE", default="file").lower()
PACKAGES_SPARE_BYTES = env.int("PACKAGES_SPARE_BYTES", default=64 * 1024**2)
PACKAGES_REDIRECT = env.bool("PACKAGES_REDIRECT", default=False)
PACKAGES_REDIRECT_SECONDS = env.int("PACKAGES_REDIRECT_SECONDS", default=300)
PACKAGES_ACCEL_PREFIX = env.str("PACKAGES_ACCEL_PREFIX", default="")
ARTIFACT_CHECK_DAYS = env.int("ARTIFACT_CHECK_DAYS", default=7)
STORAGES["packages"] = {"BACKEND": "registry.backends.PackageFiles"}
if PACKAGES_STORAGE == "s3":
    STORAGES["packages"] = {
        "BACKEND": "registry.s3.PackageBucket",
        "OPTIONS": {
            "bucket_name": env.str("PACKAGES_S3_BUCKET", default=""),
            "endpoint_url": env.str("PACKAGES_S3_ENDPOINT_URL", default="") or None,
            "region_name": env.str("PACKAGES_S3_REGION", default="") or None,
            "access_key": env.str("PACKAGES_S3_ACCESS_KEY", default="") or None,  # none: boto3 looks for a role itself
            "secret_key": env.str("PACKAGES_S3_SECRET_KEY", default="") or None,
            "location": env.str("PACKAGES_S3_PREFIX", default="").strip("/"),
            "querystring_expire": PACKAGES_REDIRECT_SECONDS,
        },
    }
PACKAGE_MAX_BYTES = env.int("PACKAGE_MAX_BYTES", default=6 * 1024**3)
PACKAGE_MAX_UNPACKED_BYTES = env.int("PACKAGE_MAX_UNPACKED_BYTES", default=20 * 1024**3)
PACKAGE_MAX_MEMBERS = env.int("PACKAGE_MAX_MEMBERS", default=200_000)
PACKAGE_MAX_RATIO = env.int("PACKAGE_MAX_RATIO", default=200)
RETENTION_HOURS = env.float("RETENTION_HOURS", default=4)

# -- The engine -------------------------------------------------------------------------------------------------------
# The row is the truth and the message a doorbell, so the broker may lose, double or delay messages without harm.
SPOOL_DIR = Path(env.str("SPOOL_DIR", default=str(DATA_DIR / "spool")))
WORKER_HOST = env.str("WORKER_HOST", default=socket.gethostname())
WORKER_POOLS = env.list("WORKER_POOLS", default=["default"])
WORKER_SLOTS = env.int("WORKER_SLOTS", default=8)
WORKER_QUEUES = [f"pool.{pool}" for pool in WORKER_POOLS]
LEASE_SECONDS = env.float("LEASE_SECONDS", default=30)
SILENCE_SECONDS = env.float("SILENCE_SECONDS", default=60)  # an expired lease means "interrupted" only after this
RING_AGAIN_SECONDS = env.float("RING_AGAIN_SECONDS", default=10)
CANCEL_GRACE_SECONDS = env.float("CANCEL_GRACE_SECONDS", default=10)
LOG_MAX_BYTES = env.int("LOG_MAX_BYTES", default=200 * 1024**2)  # of each deployment
RUN_LIMITS = {  # what a script may use at most; 0: no limit of ours
    name: env.int(name, default=0)
    for name in ("RUN_CPU_SECONDS", "RUN_MEMORY_BYTES", "RUN_OPEN_FILES", "RUN_PROCESSES", "RUN_FILE_BYTES")
}
WORKER_DUTIES = ["publishing.confluence.rounds.forever", "publishing.messages.rounds.forever"]
"""What every worker process does besides deploying, each in a thread of its own: dotted names of functions that take an
event and return soon after it is set. Rooms above `deployments` are named here, so that no import goes upward."""
CONFLUENCE_LOOK_SECONDS = env.float("CONFLUENCE_LOOK_SECONDS", default=2)
CONFLUENCE_VERIFY_SECONDS = env.float("CONFLUENCE_VERIFY_SECONDS", default=3600)
CONFLUENCE_AT_ONCE = env.int("CONFLUENCE_AT_ONCE", default=4)  # pages that one worker writes side by side
RUN_AS_USER = env.str("RUN_AS_USER", default="")
KEEP_FAILED_RUNS = env.int("KEEP_FAILED_RUNS", default=0)
KEEP_FAILED_BYTES = env.int("KEEP_FAILED_BYTES", default=1024**3)

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="") or broker.socket_url(DATA_DIR)
# Without a broker (memory://) the sweep is what finds new work, so it looks more often.
SWEEP_SECONDS = env.float("SWEEP_SECONDS", default=0.5 if CELERY_BROKER_URL.startswith("memory") else 5)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False  # acknowledged late, a message about a long run is delivered again and again
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_PUBLISH_RETRY = False  # a request never waits for a broker that is down; the sweep rings again
CELERY_TASK_DEFAULT_QUEUE = "pool.default"
CELERY_TASK_ALWAYS_EAGER = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = CELERY_BROKER_URL.startswith("redis")  # nothing is reserved behind a long run
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # reconnect for ever
CELERY_DB_REUSE_MAX = 1_000_000  # Celery would otherwise close the database connection around every task
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = (
    {
        "visibility_timeout": 3600,
        "socket_timeout": 10,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "max_retries": 0,
        "interval_start": 0,
        "interval_step": 0,
        "connect_retries_timeout": 0.3,
        "global_keyprefix": env.str("CELERY_KEY_PREFIX", default="signalbox:"),
    }
    if CELERY_BROKER_URL.startswith("redis")
    else {"polling_interval": 0.1}
)

# -- Messages ---------------------------------------------------------------------------------------------------------
# Without a mail server mails are files, which whoever has the machine can read.
EMAIL_URL = env.email_url("EMAIL_URL", default="") if env.str("EMAIL_URL", default="") else {}
EMAIL_BACKEND = EMAIL_URL.get("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
EMAIL_FILE_PATH = EMAIL_URL.get("EMAIL_FILE_PATH") or str(DATA_DIR / "mail")
EMAIL_HOST = EMAIL_URL.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = EMAIL_URL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = EMAIL_URL.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = EMAIL_URL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = EMAIL_URL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_URL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 20  # seconds
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str(
    "EMAIL_FROM", default=f"Signalbox <signalbox@{urlsplit(BASE_URL).hostname or 'localhost'}>"
)

# -- The example stack under `make run` -------------------------------------------------------------------------------
EXAMPLE = env.bool("EXAMPLE", default=True)
EXAMPLE_PUSH = env.bool("EXAMPLE_PUSH", default=True)
SITES_PORT = env.int("SITES_PORT", default=8001)
CLOUDHUB_PORT = env.int("CLOUDHUB_PORT", default=8002)
CONFLUENCE_PORT = env.int("CONFLUENCE_PORT", default=8003)

# -- Logging ----------------------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
LOG_FORMAT = env.str("LOG_FORMAT", default="line").lower()
ACCESS_LOG = env.bool("ACCESS_LOG", default=False)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"chosen": {"()": "config.logs.formatter", "chosen": LOG_FORMAT}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "chosen"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"level": "INFO"},  # without the handlers that Django gives it: every line is written once
        "atlassian": {"level": "WARNING"},  # at DEBUG it writes request bodies into the log
    },
}
