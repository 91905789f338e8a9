"""Who uploaded which file."""

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
    """One file that is kept, under a name that the service made."""

    __tablename__ = "uploads"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    filename: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int]  # bytes
    type: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @prepared_query
    def by_filename(cls: Any, filename, user_id):
        """The file of that name, of ``user_id`` where that is given."""
        found = db.select(cls).where(cls.filename == filename)
        return found if user_id is None else found.where(cls.user_id == user_id)


@on_user_erased
def delete_files(user_id: UUID) -> None:
    """A user's files go with them, once it is sure that they go."""
    names = db.delete(Upload).where(Upload.user_id == user_id).returning(Upload.filename)
    for name in db.session.scalars(names):
        storage.delete(name)
