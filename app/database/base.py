"""What every table has in common, and the session that all of them share."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, MetaData, Numeric, Text, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry
from uuid_utils.compat import uuid7

from . import connection  # noqa: F401 (its listeners open every connection)


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


class UUIDPrimaryKeyMixin:
    """A primary key that grows with time (UUIDv7), so that inserts stay local in the index."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)


# What was written is answered as it was written, whatever happens to the row after.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
