"""Time limits of commands, which are not those of requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from .base import db
from .urls import SETTINGS


@contextmanager
def long_statements(seconds: int) -> Iterator[None]:
    """Let each statement of the session's transaction take ``seconds``."""
    driver: Any = db.session.connection().connection.driver_connection
    timeout = driver.response_timeout
    db.session.execute(text(f"SET LOCAL statement_timeout = '{seconds}s'"))
    driver.response_timeout = seconds + 5
    try:
        yield
        db.session.execute(text(f"SET LOCAL statement_timeout = '{SETTINGS['statement_timeout']}'"))
    finally:
        driver.response_timeout = timeout
