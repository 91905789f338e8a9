"""Reads from a replica while it is usable: connected, in recovery, and not too far behind.

Otherwise they use the primary, and the replica is tried again later.
"""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from threading import Lock
from typing import Any, TypeVar

import psycopg
from flask import Flask, current_app, g
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import DATABASE_UNAVAILABLE, ApiError, describe_database_error, is_connection_lost
from .base import db
from .connection import REPLICA

log = logging.getLogger(__name__)

CHECK_INTERVAL = 1.0  # seconds for which a check holds
RETRY_INTERVAL = 10.0  # seconds until a replica is tried again that did not respond
UNKNOWN_POSITION = "0/0"
POSITION = "SELECT pg_current_wal_lsn()::text, extract(epoch FROM clock_timestamp())"
STATE = """
    SELECT pg_is_in_recovery(), CASE
        WHEN pg_last_wal_replay_lsn() >= %s::pg_lsn THEN 0
        ELSE %s::numeric - extract(epoch FROM pg_last_xact_replay_timestamp()) END
"""

T = TypeVar("T")


class Replica:
    """What this process knows of the replica, shared by its threads."""

    def __init__(self, max_lag: float) -> None:
        self.max_lag = max_lag  # seconds
        self.reason = ""  # why it is not used
        self.next_check = 0.0
        self.lock = Lock()

    def is_usable(self) -> bool:
        """Return whether reads may use the replica; one thread checks it now and then."""
        if time.monotonic() >= self.next_check and self.lock.acquire(blocking=False):
            try:
                self._check()
            finally:
                self.lock.release()
        return not self.reason

    def suspend(self, error: Exception) -> None:
        """Use the primary until RETRY_INTERVAL is over."""
        self._set_reason(describe_database_error(error), RETRY_INTERVAL)
        db.engines[REPLICA].dispose()

    def _check(self) -> None:
        position, now = _primary_position()
        try:
            is_replica, lag = _fetch(db.engines[REPLICA], STATE, position, now)
        except (SQLAlchemyError, psycopg.Error) as error:
            self.suspend(error)
            return
        if not is_replica:
            db.engines[REPLICA].dispose()
            self._set_reason("it was promoted", RETRY_INTERVAL)
        elif lag is None or lag > self.max_lag:
            self._set_reason("it lags", CHECK_INTERVAL)
        else:
            self._set_reason("", CHECK_INTERVAL)

    def _set_reason(self, reason: str, seconds: float) -> None:
        if bool(reason) != bool(self.reason):
            state = f"not used: {reason}" if reason else "used again"
            log.warning("the replica is %s", state)
        self.reason, self.next_check = reason, time.monotonic() + seconds


def init_app(app: Flask, *, max_lag: float) -> None:
    """Keep the state of the replica, if the app has one."""
    app.extensions["replica"] = Replica(max_lag)


def read(call: Callable[[], T]) -> T:
    """Return ``call()``, whose reads outside of a transaction use the replica if it is usable.

    It is repeated with the primary if the replica fails or does not have what is read.
    """
    replica: Replica = current_app.extensions["replica"]
    if REPLICA not in db.engines or not replica.is_usable():
        return call()
    g.read_from_replica = True
    try:
        return call()
    except ApiError as error:
        if error.status != 404:
            raise
    except (*DATABASE_UNAVAILABLE, DBAPIError, psycopg.Error) as error:
        if not isinstance(error, DATABASE_UNAVAILABLE) and not is_connection_lost(error):
            raise
        replica.suspend(error)
    finally:
        g.read_from_replica = False
    return call()


def _primary_position() -> tuple[str, float]:
    """Return what the primary has written, and its time; nothing while it is away."""
    try:
        position, now = _fetch(db.engine, POSITION)
    except (SQLAlchemyError, psycopg.Error):
        return UNKNOWN_POSITION, 0
    return position, now


def _fetch(engine: Any, sql: str, *values: Any) -> Any:
    """Return the first row of a statement on a connection of its own."""
    connection = engine.raw_connection()
    with closing(connection):
        driver = connection.driver_connection
        try:
            return driver.execute(sql, values).fetchone()
        except psycopg.Error:
            driver.close()
            connection.invalidate()
            raise
