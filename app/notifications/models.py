"""Mails to users and guests, one for each cause."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from .. import clock
from ..database.base import Base, UUIDPrimaryKeyMixin, db
from ..users.models import User, on_user_erased


class Mail(UUIDPrimaryKeyMixin, Base):
    """A mail to a user or to an address: waiting, sent, or discarded with a reason.

    ``facts`` are what its template needs and never a secret. ``key`` identifies the kind and its
    cause. Address, name and locale are the user's at the time of sending unless they are set.
    """

    __tablename__ = "mails"
    __table_args__ = (
        Index(
            "ix_mails_waiting",
            "created_at",
            postgresql_where=db.text("sent_at IS NULL AND discarded_at IS NULL"),
        ),
        Index(
            "ix_mails_discarded",
            "discarded_at",
            postgresql_where=db.text("discarded_at IS NOT NULL"),
        ),
    )

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
    discarded_at: Mapped[datetime | None]
    discard_reason: Mapped[str | None]

    @classmethod
    def insert_once(cls, *mails: dict[str, Any]) -> list[UUID]:
        """Insert mails in one statement; return the ids of those whose cause had none."""
        rows = [{"id": uuid7(), "created_at": clock.now(), **mail} for mail in mails]
        if not rows:
            return []
        insertion = insert(cls).values(rows).on_conflict_do_nothing(index_elements=["key"])
        return list(db.session.scalars(insertion.returning(cls.id)))

    @classmethod
    def lock_waiting(cls, id: UUID) -> "Mail | None":
        """Lock a mail until the transaction ends.

        Return None if it is sent or discarded, or another worker is sending it.
        """
        waiting = (cls.id == id, cls.sent_at.is_(None), cls.discarded_at.is_(None))
        query = db.select(cls).where(*waiting).with_for_update(skip_locked=True)
        return db.session.scalar(query)

    @classmethod
    def last_sent_at(cls, user_id: UUID, kind: str) -> datetime | None:
        """Return when the user was last sent a mail of ``kind``."""
        query = db.select(db.func.max(cls.sent_at)).where(cls.user_id == user_id, cls.kind == kind)
        return db.session.scalar(query)

    def lock_others(self) -> "list[Mail]":
        """Lock the other waiting mails of this kind to the same user, oldest first."""
        mail = type(self)
        query = db.select(mail).where(
            mail.user_id == self.user_id,
            mail.kind == self.kind,
            mail.id != self.id,
            mail.sent_at.is_(None),
            mail.discarded_at.is_(None),
        )
        return list(db.session.scalars(query.order_by(mail.id).with_for_update(skip_locked=True)))

    def discard(self, reason: str) -> None:
        """Record why the mail is not sent, and will not be."""
        self.discarded_at, self.discard_reason = clock.now(), reason


# A mail whose job has failed for good waits no longer.
STATES = """
    WITH failed AS (
        SELECT CAST(args ->> 'mail_id' AS uuid) AS mail_id FROM procrastinate_jobs
        WHERE task_name = 'deliver_mail' AND status = 'failed'
    )
    SELECT CASE WHEN id IN (SELECT mail_id FROM failed) THEN 'failed' ELSE 'waiting' END, count(*)
    FROM mails WHERE sent_at IS NULL AND discarded_at IS NULL GROUP BY 1
    UNION ALL
    SELECT split_part(discard_reason, ':', 1), count(*)
    FROM mails WHERE discarded_at IS NOT NULL AND discard_reason <> :counted GROUP BY 1
"""
COUNTED = "counted in another mail"  # why a mail to staff is not sent


def count_unsent() -> dict[str, int]:
    """Count the mails that are not sent: ``waiting``, ``failed`` or the reason of discarding."""
    rows = db.session.execute(db.text(STATES), {"counted": COUNTED})
    return {state: number for state, number in rows}  # noqa: C416


def staff_ids(except_id: UUID | None) -> list[UUID]:
    """Return the ids of the active officers and admins but one."""
    query = db.select(User.id).where(User.role != "user", ~User.disabled)
    if except_id is not None:
        query = query.where(User.id != except_id)
    return list(db.session.scalars(query.order_by(User.id)))


@on_user_erased
def delete_mails(user_id: UUID) -> None:
    """Delete the user's mails: their facts are personal."""
    db.session.execute(db.delete(Mail).where(Mail.user_id == user_id))
