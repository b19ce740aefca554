"""How a line of the log looks: one for people to read, or one JSON object for machines to collect (LOG_FORMAT)."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

FORMATS = ("line", "json")
RENAMED = {"levelname": "level", "name": "logger", "exc_info": "exception", "stack_info": "stack"}


class JsonLine(JsonFormatter):
    """One object a line: time (UTC, with its offset), level, logger, message, exception, and whatever was given as
    `extra`. Needs no settings, so that the web server's own process can use it before Django is loaded."""

    def __init__(self) -> None:
        super().__init__(["levelname", "name", "message"], rename_fields=RENAMED, json_ensure_ascii=False)

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        super().add_fields(log_data, record, message_dict)
        if isinstance(record.args, Mapping):  # the access log gives its facts by name
            for name, value in record.args.items():
                log_data.setdefault(name, value)


def formatter(chosen: str) -> logging.Formatter:
    """What writes lines in the chosen one of FORMATS."""
    if chosen == "json":
        return JsonLine()
    return logging.Formatter("{asctime} {levelname} {name}: {message}", style="{")
