"""JSON logs on stdout with request ids; without bodies, secrets and query strings."""

import logging
import sys
from typing import Any

import psycopg
from flask import has_request_context, request
from pythonjsonlogger.json import JsonFormatter

from .errors import REQUEST_ID_KEY, describe_database_error


class RequestIdJsonFormatter(JsonFormatter):
    """A JSON formatter that adds the request id and removes row values of database errors."""

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
            data["requestId"] = request.environ.get(REQUEST_ID_KEY)

    def formatException(self, ei: Any) -> str:  # noqa: N802 (logging's name)
        text = str(super().formatException(ei))
        error: BaseException | None = ei[1]
        while error is not None:
            if isinstance(error, psycopg.Error) and str(error):
                text = text.replace(str(error), describe_database_error(error))
            error = error.__cause__ or error.__context__
        return text


def init_app(level: str) -> None:
    """Write the records of all loggers to stdout as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(RequestIdJsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("stripe", "alembic.runtime.migration", "procrastinate"):  # they log every step
        logging.getLogger(name).setLevel(logging.WARNING)
