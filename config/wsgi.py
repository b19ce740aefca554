"""What the web server serves."""

import logging
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
logging.captureWarnings(True)  # they are lines of the log like any other
application = get_wsgi_application()

import config.celery  # noqa: E402, F401 - the doorbell rings through the application that the settings describe
