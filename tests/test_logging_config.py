"""The lines of the log."""

import json
import logging
import sys

from flask import request
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import logging_config
from app.database.base import db
from app.errors import REQUEST_ID_KEY


def format_error(error: Exception) -> dict:
    """Return the log line of ``error``."""
    try:
        raise error
    except type(error):
        record = ("app", logging.ERROR, __file__, 1, "it broke", (), sys.exc_info())
    return json.loads(logging_config.RequestIdJsonFormatter().format(logging.LogRecord(*record)))


def test_a_log_line_has_no_row_values_of_postgresql_errors(app, make_user):
    make_user(email="fatima@example.org")
    with app.app_context():
        statement = text("INSERT INTO users SELECT (users).* FROM users")
        try:
            db.session.execute(statement)
        except IntegrityError as error:
            line = format_error(error)
    assert "duplicate key value" in line["exc_info"]
    assert "[SQL: INSERT INTO users" in line["exc_info"]
    assert "already exists" not in json.dumps(line)


def test_an_error_that_leads_to_itself_is_logged():
    """Its formatting would hold the log's lock for ever, and with it every thread."""
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__context__ = second, first
    assert logging_config.error_chain(first) == [first, second]
    assert "first" in format_error(first)["exc_info"]


def test_a_log_line_has_time_level_and_request_id(app):
    with app.test_request_context(headers={"X-Request-ID": "request-of-fatima"}):
        request.environ[REQUEST_ID_KEY] = "request-of-fatima"  # as the WSGI middleware does
        line = format_error(RuntimeError())
    assert line["requestId"] == "request-of-fatima"
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "app", "it broke")
    assert line["time"].endswith("Z")
    assert "requestId" not in format_error(RuntimeError())
