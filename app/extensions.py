"""One unbound instance of each extension."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from flask_jwt_extended import JWTManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, DateTime, Engine, MetaData, Numeric, Text, Uuid, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry
from uuid_utils.compat import uuid7


class Base(DeclarativeBase):
    """What every table has in common: named constraints and the types of its columns."""

    # A registry of our own: Flask-SQLAlchemy derives from this class, and SQLAlchemy 2.1 does not
    # let a derived base bring its own type_annotation_map.
    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={
            Decimal: Numeric,
            datetime: DateTime(timezone=True),
            str: Text,
            UUID: Uuid,
        },
    )


class Identified:
    """A primary key that grows with time (UUIDv7), so that inserts stay local in the index."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)


# What was written is answered as it was written, whatever happens to the row after.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


class PatientConnection(psycopg.Connection[Any]):
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
def connect(_: Any, __: Any, args: list[Any], parameters: dict[str, Any]) -> PatientConnection:
    return PatientConnection.connect(*args, **parameters)


@event.listens_for(Engine, "begin")
def begin(connection: Connection) -> None:
    """Connections commit each statement by themselves until the session begins a transaction."""
    connection.exec_driver_sql("BEGIN")


migrate = Migrate()
jwt = JWTManager()
