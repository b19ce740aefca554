"""How a line of the log looks: one for people to read, or one JSON object for machines to collect (LOG_FORMAT)."""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

FORMATS = ("line", "json")
SHARED_LINK = re.compile(r"(/shared/)[A-Za-z0-9_-]+")  # whoever knows it may read the page
RENAMED = {"levelname": "level", "name": "logger", "exc_info": "exception", "stack_info": "stack"}


class JsonLine(JsonFormatter):
    """One object a line: time (UTC, with its offset), level, logger, message, exception, and whatever was given as
    `extra`. Needs no settings, so that the web server's own process can use it before Django is loaded."""

    def __init__(self) -> None:
        super().__init__(["levelname", "name", "message"], rename_fields=RENAMED, json_ensure_ascii=False)

    def format(self, record: logging.LogRecord) -> str:
        return without_links(super().format(record))

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        super().add_fields(log_data, record, message_dict)
        if isinstance(record.args, Mapping):  # the access log gives its facts by name
            for name, value in record.args.items():
                log_data.setdefault(name, value)


class Line(logging.Formatter):
    """One line for people to read."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        return without_links(super().format(record))


def without_links(text: str) -> str:
    """The text without the secret part of addresses of shared pages."""
    return SHARED_LINK.sub(r"\1…", text)


def formatter(chosen: str) -> logging.Formatter:
    """What writes lines in the chosen one of FORMATS."""
    return JsonLine() if chosen == "json" else Line()
