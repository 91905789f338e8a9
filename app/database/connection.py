"""How connections to PostgreSQL are opened, and how long they wait."""

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event


class TimeoutConnection(psycopg.Connection[Any]):
    """A connection that is given up where the server does not say a word for so long.

    PostgreSQL ends what takes long by itself (``statement_timeout``), unless it stands still.
    """

    patience: float | None = 20  # seconds; more than a statement may take

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or self.patience)
        except psycopg.OperationalError:
            if self.info.transaction_status == TransactionStatus.ACTIVE:
                self.close()  # whatever it says later would be taken for another's answer
            raise


@event.listens_for(Engine, "do_connect")
def _connect(_: Any, __: Any, args: list[Any], parameters: dict[str, Any]) -> TimeoutConnection:
    return TimeoutConnection.connect(*args, **parameters)


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Connections commit each statement by themselves until the session begins a transaction."""
    connection.exec_driver_sql("BEGIN")
