"""JSON logs on stdout, each line with its request id; no body, no secret, no query string."""

import logging
import re
import sys
from typing import Any

from flask import g, has_request_context
from pythonjsonlogger.json import JsonFormatter

# PostgreSQL quotes a row's values in these lines of its errors.
ROW_VALUES = re.compile(r"^(DETAIL|CONTEXT):.*$\n?", re.MULTILINE)


class Formatter(JsonFormatter):
    """A line of JSON; what a database error says of a row's values is left out."""

    def __init__(self) -> None:
        super().__init__(
            ["asctime", "levelname", "name", "message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
        self.default_time_format = "%Y-%m-%dT%H:%M:%S"
        self.default_msec_format = "%s.%03dZ"

    def add_fields(self, data: dict[str, Any], record: Any, message_dict: dict[str, Any]) -> None:
        super().add_fields(data, record, message_dict)
        if has_request_context():
            data["requestId"] = g.get("request_id")

    def formatException(self, ei: Any) -> str:
        return ROW_VALUES.sub("", str(super().formatException(ei)))


def init_app(level: str) -> None:
    """Send every logger's lines to stdout, as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
