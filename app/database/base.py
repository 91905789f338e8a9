"""The declarative base of all models, and the Flask-SQLAlchemy instance ``db``."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, MetaData, Numeric, Text, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry
from uuid_utils.compat import uuid7

from . import connection  # noqa: F401 (registers its engine listeners)


class Base(DeclarativeBase):
    """Declarative base: names of constraints, and the column types of Python types."""

    # An explicit registry, because Flask-SQLAlchemy derives from this class, and SQLAlchemy 2.1
    # accepts no type_annotation_map on a derived base.
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

    def set_attributes(self, values: Mapping[str, Any]) -> None:
        """Set the attributes named in ``values``."""
        for name, value in values.items():
            setattr(self, name, value)


# The arguments of a table whose rows are never changed or deleted (``database.roles``).
APPEND_ONLY: dict[str, Any] = {"info": {"append_only": True}}


class UUIDPrimaryKeyMixin:
    """A UUIDv7 primary key; it grows with time, which keeps inserts local in the index."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)


# A response shows a row as it was committed, without reading it again.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
