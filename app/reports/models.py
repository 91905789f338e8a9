"""Exports of users' data."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..database.base import Base, UUIDPrimaryKeyMixin, db
from ..integrations import storage
from ..users.models import User, on_user_erased

VALIDITY = timedelta(hours=24)  # of the link to a finished export
PAUSE = timedelta(hours=1)  # in which a user gets one export
MAX_AGE = timedelta(days=2)  # of a row: its export has not been finished, or is no longer valid


class DataExport(UUIDPrimaryKeyMixin, Base):
    """A request for all of a user's data, and the archive once it is ready."""

    __tablename__ = "data_exports"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    requested_at: Mapped[datetime] = mapped_column(default=clock.now)
    ready_at: Mapped[datetime | None]
    size: Mapped[int | None] = mapped_column(BigInteger)  # bytes

    @property
    def filename(self) -> str:
        """The archive's name in the storage."""
        return archive_name(self.id)

    @property
    def expires_at(self) -> datetime | None:
        return self.ready_at + VALIDITY if self.ready_at else None

    @property
    def status(self) -> str:
        return "ready" if self.ready_at else "pending"

    @classmethod
    def find_recent(cls, user_id: UUID) -> "DataExport | None":
        """Return the user's export of the last PAUSE."""
        query = db.select(cls).where(cls.user_id == user_id, cls.requested_at > clock.now() - PAUSE)
        return db.session.scalar(query.order_by(cls.requested_at.desc()).limit(1))

    @classmethod
    def find_valid(cls, id: UUID) -> "DataExport | None":
        """Return the finished export of a user who may sign in, while its link is valid."""
        query = db.select(cls).join(User, User.id == cls.user_id)
        return db.session.scalar(
            query.where(cls.id == id, cls.ready_at > clock.now() - VALIDITY, ~User.disabled)
        )

    @classmethod
    def is_expired(cls) -> Any:
        """Build the condition that it can be deleted."""
        return db.func.coalesce(cls.ready_at, cls.requested_at) < clock.now() - MAX_AGE


def archive_name(id: UUID) -> str:
    return f"export-{id.hex}.zip"


@on_user_erased
def delete_exports(user_id: UUID) -> None:
    """Delete the user's exports; their archives go after the commit."""
    own = db.delete(DataExport).where(DataExport.user_id == user_id)
    for id in db.session.scalars(own.returning(DataExport.id)):
        storage.delete(archive_name(id))
