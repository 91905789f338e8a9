"""Mails to users and guests, one for each cause."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..database.base import Base, UUIDPrimaryKeyMixin, db


class Mail(UUIDPrimaryKeyMixin, Base):
    """A mail to a user or to an address, sent or waiting to be sent.

    ``facts`` are what its template needs and never a secret. ``key`` identifies the kind and its
    cause. Address, name and locale are the user's at the time of sending unless they are set.
    """

    __tablename__ = "mails"

    kind: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    address: Mapped[str | None]
    name: Mapped[str | None]
    locale: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    sent_at: Mapped[datetime | None]

    @classmethod
    def insert_once(cls, **values: Any) -> UUID | None:
        """Insert a mail and return its id; None if its cause has one."""
        insertion = insert(cls).values(**values).on_conflict_do_nothing(index_elements=["key"])
        id: UUID | None = db.session.scalar(insertion.returning(cls.id))
        return id
