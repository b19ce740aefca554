#!/usr/bin/env python
"""Signalbox's command line: `manage.py run`, `apply`, `migrate`, …"""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config.preflight import refuse_wrong_settings

    refuse_wrong_settings()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
