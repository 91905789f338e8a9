"""Requests of staff for acts that a second person has to confirm."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..database.base import Base, UUIDPrimaryKeyMixin, db
from ..database.prepared import bind_callable, constant, newest_first, prepared_query, sql_property
from ..http.authentication import ROLES
from ..users.models import User


class Approval(UUIDPrimaryKeyMixin, Base):
    """A request of one person, and who has confirmed it."""

    __tablename__ = "approvals"
    __table_args__ = (
        CheckConstraint("confirmed_by <> requested_by", name="two_people"),
        CheckConstraint("num_nulls(confirmed_by, confirmed_at) <> 1", name="confirmed"),
        Index(None, "requested_at", "id"),
        Index(None, "role", "requested_at", "id"),
        Index(
            "ix_approvals_confirmed",
            *("requested_at", "id"),
            postgresql_include=("role",),
            postgresql_where=db.text("confirmed_at IS NOT NULL"),
        ),
        Index(
            "ix_approvals_unconfirmed",
            "expires_at",
            postgresql_include=("role", "requested_at", "id"),
            postgresql_where=db.text("confirmed_at IS NULL"),
        ),
    )

    action: Mapped[str]
    subject_id: Mapped[UUID | None]
    role: Mapped[str]  # that both people need
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    fingerprint: Mapped[str] = mapped_column(index=True)  # of action, request and subject's state
    requested_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    requested_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]
    confirmed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    confirmed_at: Mapped[datetime | None]

    is_new = False  # set to True where this transaction has inserted it

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_by is not None

    @sql_property
    def status(cls: Any) -> Any:
        now = bind_callable(clock.now, DateTime(timezone=True))
        return db.case(
            (cls.confirmed_at.is_not(None), "confirmed"),
            (cls.expires_at <= now, "expired"),
            else_="pending",
        )

    @classmethod
    def has_status(cls, status: str) -> Any:
        """Build the condition that ``status`` has this value, which an index can find."""
        if status == "confirmed":
            return cls.confirmed_at.is_not(None)
        now = bind_callable(clock.now, DateTime(timezone=True))
        if status == "expired":
            return cls.confirmed_at.is_(None) & (cls.expires_at <= now)
        # Few, but PostgreSQL cannot know it: found first, and not row by row in the list's order.
        pending = db.select(cls.id).where(cls.confirmed_at.is_(None), cls.expires_at > now)
        return cls.id == db.func.any(db.func.array(pending.correlate(None).scalar_subquery()))

    @prepared_query
    def by_id(cls: Any, id):
        return db.select(cls).where(cls.id == id)

    @prepared_query(choices=("role", "status"))
    def search(cls: Any, role, status):
        """Select requests, newest first; with ``role`` or ``status`` only those."""
        query = db.select(cls)
        if role is not None:
            query = query.where(cls.role == constant(role))
        if status is not None:
            query = query.where(cls.has_status(status))
        return newest_first(query, cls.requested_at, cls.id)

    @classmethod
    def expire_pending(
        cls, requester_id: UUID, action: str, subject_id: UUID | None, currency: str | None
    ) -> None:
        """Expire what this person has requested for one subject; prices have one per currency."""
        now = clock.now()
        pending = db.update(cls).where(
            cls.requested_by == requester_id,
            cls.action == action,
            cls.subject_id.is_not_distinct_from(subject_id),
            cls.request["currency"].astext.is_not_distinct_from(currency),
            cls.confirmed_at.is_(None),
            cls.expires_at > now,
        )
        db.session.execute(pending.values(expires_at=now))

    @classmethod
    def lock_pending(cls, fingerprint: str, role: str) -> list["Approval"]:
        """Return the pending requests for one act, whose requesters still have ``role``.

        Serialize the requests for the act, and prevent changes of those requesters, until the
        transaction ends. A requester whose row is being changed at this moment does not count:
        waiting for the change could deadlock, as it may wait for this request's own session.
        """
        lock = db.func.pg_advisory_xact_lock(db.func.hashtextextended(fingerprint, 0))
        db.session.execute(db.select(lock))
        query = (
            db.select(cls)
            .join(User, User.id == cls.requested_by)
            .where(cls.fingerprint == fingerprint, cls.confirmed_at.is_(None))
            .where(cls.expires_at > clock.now())
            .where(User.role.in_(ROLES[ROLES.index(role) :]), ~User.disabled)
            .order_by(cls.requested_at)
            .with_for_update(read=True, of=User, skip_locked=True)
        )
        return list(db.session.scalars(query))
