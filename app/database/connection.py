"""Connections to PostgreSQL: their type, their timeout and their transactions."""

from typing import Any

import psycopg
from flask import has_request_context, request
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, ExceptionContext, event

from ..errors import REQUEST_ID_KEY, is_connection_lost

MAX_AGE = 300  # seconds; a pooled connection that only reads would not notice a failover
REPLICA = "replica"  # bind key of the optional replica, for reads that tolerate its lag
DIRECT = "direct"  # bind key of the optional connection past a pooler, for migrations
MAX_NAME = 63  # characters that PostgreSQL shows of an application_name


class TimeoutConnection(psycopg.Connection[Any]):
    """A connection that is closed if the server does not respond within ``response_timeout``.

    PostgreSQL cancels long statements itself (``statement_timeout``), unless the server hangs.
    """

    response_timeout: float | None = 20  # seconds; must exceed statement_timeout
    transaction_settings = ""  # statements that follow BEGIN
    is_pooled = False  # another session for each transaction (DATABASE_POOLER)
    name = ""  # the first part of application_name

    def begin_statement(self) -> str:
        """Return the statements that begin a transaction, in one message to the server.

        During the transaction pg_stat_activity shows the id of the request as application_name.
        """
        request_id = has_request_context() and request.environ.get(REQUEST_ID_KEY)
        statements = ["BEGIN ISOLATION LEVEL READ COMMITTED" if self.is_pooled else "BEGIN"]
        if self.transaction_settings:
            statements.append(self.transaction_settings)
        if request_id:  # of letters, digits, dots, hyphens and underscores (http.middleware)
            name = f"{self.name[: MAX_NAME - 33]} {request_id}"[:MAX_NAME].lstrip()
            statements.append(f"SET LOCAL application_name = '{name}'")
        return "; ".join(statements)

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or self.response_timeout)
        except psycopg.OperationalError:
            if self.info.transaction_status == TransactionStatus.ACTIVE:
                self.close()  # a late result would be read as that of the next statement
            raise


@event.listens_for(Engine, "do_connect")
def _connect(_: Any, __: Any, args: list[Any], parameters: dict[str, Any]) -> TimeoutConnection:
    parameters = dict(parameters)
    settings = parameters.pop("transaction_settings", "")
    response_timeout = parameters.pop("response_timeout", TimeoutConnection.response_timeout)
    connection = TimeoutConnection.connect(*args, **parameters)
    connection.response_timeout = response_timeout
    connection.transaction_settings, connection.is_pooled = settings, bool(settings)
    connection.name = parameters.get("application_name", "")
    return connection


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Begin a transaction for the session; outside of one the connection is in autocommit."""
    driver: Any = connection.connection.driver_connection
    connection.exec_driver_sql(driver.begin_statement())


@event.listens_for(Engine, "handle_error")
def _discard_lost_connections(context: ExceptionContext) -> None:
    """Let SQLAlchemy discard the connection, and all that the pool opened before it."""
    if is_connection_lost(context.original_exception):
        context.is_disconnect = True
