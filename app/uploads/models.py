"""Uploaded files, their owners, and whether records refer to them."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..database.base import Base, UUIDPrimaryKeyMixin, db
from ..database.prepared import newest_first, prepared_query, sql_property
from ..integrations import storage
from ..users.models import on_user_erased
from .rules import FileNotFound

FileUse = Callable[[Any], Any]  # of the column of file names: the condition that a record uses one

FILE_USES: list[FileUse] = []
PROOFS: list[FileUse] = []  # those that do not count for the quota


def register_file_use(use: FileUse) -> FileUse:
    """Register a condition that a record refers to a file, which then is not deleted."""
    FILE_USES.append(use)
    return use


def register_proof(use: FileUse) -> FileUse:
    """Register a use of files that staff need for their work, so that no quota ends it."""
    PROOFS.append(use)
    return register_file_use(use)


class Upload(UUIDPrimaryKeyMixin, Base):
    """A stored file, under a name made by the service."""

    __tablename__ = "uploads"
    __table_args__ = (Index(None, "user_id", "created_at", "id"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    filename: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int]  # bytes
    type: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @sql_property
    def in_use(cls: Any) -> Any:
        """Whether a record refers to the file."""
        return db.or_(db.false(), *(use(cls.filename) for use in FILE_USES))

    @sql_property
    def is_proof(cls: Any) -> Any:
        """Whether the file does not count for its owner's quota."""
        return db.or_(db.false(), *(use(cls.filename) for use in PROOFS))

    @prepared_query
    def by_filename(cls: Any, filename, user_id):
        """Select the file of this name; if ``user_id`` is not None, only of that user."""
        query = db.select(cls).where(cls.filename == filename)
        return query if user_id is None else query.where(cls.user_id == user_id)

    @prepared_query
    def for_user(cls: Any, user_id):
        """Select the user's files, newest first."""
        own = db.select(cls).where(cls.user_id == user_id)
        return newest_first(own, cls.created_at, cls.id)

    @classmethod
    def usage(cls, user_id: UUID) -> tuple[int, int]:
        """Return the number and the bytes of the files that count for the user's quota."""
        total = db.func.coalesce(db.func.sum(cls.size), 0)
        counted = db.select(db.func.count(), total).where(cls.user_id == user_id, ~cls.is_proof)
        files, size = db.session.execute(counted).one()
        return files, size

    @classmethod
    def get_for_update(cls, user_id: UUID, filename: str) -> "Upload":
        """Lock the user's file until the transaction ends. Raises FileNotFound."""
        own = db.select(cls).where(cls.user_id == user_id, cls.filename == filename)
        upload = db.session.scalar(own.with_for_update())
        if upload is None:
            raise FileNotFound
        return upload

    @classmethod
    def has_use(cls, id: UUID) -> bool:
        """Return whether a record refers to the file, as committed by now."""
        return bool(db.session.scalar(db.select(cls.in_use).where(cls.id == id)))

    @classmethod
    def lock_against_deletion(cls, user_id: UUID, filenames: Collection[str]) -> set[str]:
        """Return which of these files the user has; they stay until the transaction ends.

        An erasure of the user waits for the lock of the session.
        """
        own = db.select(cls.filename).where(cls.user_id == user_id, cls.filename.in_(filenames))
        return set(
            db.session.scalars(own.order_by(cls.id).with_for_update(read=True, key_share=True))
        )


@on_user_erased
def delete_files(user_id: UUID) -> None:
    """Delete the user's files that no record refers to; their bytes go after the commit."""
    unused = db.delete(Upload).where(Upload.user_id == user_id, ~Upload.in_use)
    for filename in db.session.scalars(unused.returning(Upload.filename)):
        storage.delete(filename)
