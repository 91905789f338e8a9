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
        for error in error_chain(ei[1]):
            if isinstance(error, psycopg.Error) and str(error):
                text = text.replace(str(error), describe_database_error(error))
        return text


def error_chain(error: BaseException | None) -> list[BaseException]:
    """Return ``error`` and what led to it, each once.

    A chain can be a circle: an error's cause that is raised again has the error as its context. An
    endless loop here would hold the log's lock, and with it every thread of the process.
    """
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def init_app(level: str) -> None:
    """Write the records of all loggers to stdout as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(RequestIdJsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("stripe", "alembic.runtime.migration", "procrastinate"):  # they log every step
        logging.getLogger(name).setLevel(logging.WARNING)
