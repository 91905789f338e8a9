"""Uploaded files and their owners."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..database.base import Base, UUIDPrimaryKeyMixin, db
from ..database.prepared import prepared_query
from ..integrations import storage
from ..users.models import on_user_erased


class Upload(UUIDPrimaryKeyMixin, Base):
    """A stored file, under a name made by the service."""

    __tablename__ = "uploads"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    filename: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int]  # bytes
    type: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @prepared_query
    def by_filename(cls: Any, filename, user_id):
        """Select the file of this name; if ``user_id`` is not None, only of that user."""
        query = db.select(cls).where(cls.filename == filename)
        return query if user_id is None else query.where(cls.user_id == user_id)


@on_user_erased
def delete_files(user_id: UUID) -> None:
    """Delete all files of the user; the stored bytes are removed after the commit."""
    statement = db.delete(Upload).where(Upload.user_id == user_id).returning(Upload.filename)
    for filename in db.session.scalars(statement):
        storage.delete(filename)
