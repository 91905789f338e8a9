"""Connections to PostgreSQL: their type, their timeout and their transactions."""

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, ExceptionContext, event

from ..errors import is_connection_lost

MAX_AGE = 300  # seconds; a pooled connection that only reads would not notice a failover


class TimeoutConnection(psycopg.Connection[Any]):
    """A connection that is closed if the server does not respond within ``response_timeout``.

    PostgreSQL cancels long statements itself (``statement_timeout``), unless the server hangs.
    """

    response_timeout: float | None = 20  # seconds; must exceed statement_timeout

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or self.response_timeout)
        except psycopg.OperationalError:
            if self.info.transaction_status == TransactionStatus.ACTIVE:
                self.close()  # a late result would be read as that of the next statement
            raise


@event.listens_for(Engine, "do_connect")
def _connect(_: Any, __: Any, args: list[Any], parameters: dict[str, Any]) -> TimeoutConnection:
    return TimeoutConnection.connect(*args, **parameters)


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Begin a transaction for the session; outside of one the connection is in autocommit."""
    connection.exec_driver_sql("BEGIN")


@event.listens_for(Engine, "handle_error")
def _discard_lost_connections(context: ExceptionContext) -> None:
    """Let SQLAlchemy discard the connection, and all that the pool opened before it."""
    if is_connection_lost(context.original_exception):
        context.is_disconnect = True
