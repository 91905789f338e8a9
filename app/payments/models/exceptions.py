"""What Stripe reported that does not fit our records, or that needs a person."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, cast
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from ... import clock
from ...audit.models import record_changes
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import constant, newest_first, prepared_query, sql_property
from ...users.models import User
from ..rules import EXCEPTION_KINDS
from .purposes import application_id_of, donation_id_of


@record_changes("resolved_at", subject="exception")
class PaymentException(UUIDPrimaryKeyMixin, Base):
    """A fact that a person has to look at; one for each ``key``, however often it is reported."""

    __tablename__ = "payment_exceptions"
    __table_args__ = (
        CheckConstraint(f"kind IN {EXCEPTION_KINDS}", name="kind"),
        CheckConstraint("num_nulls(resolved_by, resolved_at) <> 1", name="resolved"),
        Index(None, "created_at", "id"),
        Index(None, "kind", "created_at", "id"),
        Index(
            "ix_payment_exceptions_open",
            "created_at",
            postgresql_where=db.text("resolved_at IS NULL"),
        ),
    )

    kind: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)  # the same for the same fact
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.id"), index=True)
    provider_reference: Mapped[str | None]  # id of Stripe's object
    amount: Mapped[Decimal | None]
    currency: Mapped[str | None]
    # A sentence for staff: what happened, and what the service has done about it.
    message: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    occurred_at: Mapped[datetime | None]  # when it happened at Stripe
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    note: Mapped[str | None]

    @sql_property
    def status(cls: Any) -> Any:
        return db.case((cls.resolved_at.is_(None), "open"), else_="resolved")

    @sql_property
    def donation_id(cls: Any) -> Any:
        return donation_id_of(cls)

    @sql_property
    def application_id(cls: Any) -> Any:
        return application_id_of(cls)

    @sql_property
    def resolver_name(cls: Any) -> Any:
        name = db.select(User.name).where(User.id == cls.resolved_by)
        return name.correlate(cls.__table__).scalar_subquery()

    @classmethod
    def count_open(cls) -> dict[str, int]:
        """Count those that are not resolved, by kind."""
        query = db.select(cls.kind, db.func.count()).where(cls.resolved_at.is_(None))
        return {kind: number for kind, number in db.session.execute(query.group_by(cls.kind))}  # noqa: C416

    @prepared_query
    def by_id(cls: Any, id):
        return db.select(cls).where(cls.id == id)

    @prepared_query(choices=("is_open", "kind"))
    def search(cls: Any, is_open, kind, since, before):
        """Select exceptions, newest first, filtered by what is not None."""
        query = db.select(cls)
        if is_open is not None:
            query = query.where(
                cls.resolved_at.is_(None) if is_open else cls.resolved_at.is_not(None)
            )
        if kind is not None:
            query = query.where(cls.kind == constant(kind))
        if since is not None:
            query = query.where(cls.created_at >= since)
        if before is not None:
            query = query.where(cls.created_at < before)
        return newest_first(query, cls.created_at, cls.id)

    @classmethod
    def insert_once(cls, **values: Any) -> bool:
        """Insert an exception, or return False if one with its ``key`` exists."""
        values = {"id": uuid7(), "created_at": clock.now(), "facts": {}, **values}
        insertion = insert(cls).values(**values).on_conflict_do_nothing(index_elements=["key"])
        return bool(db.session.scalar(insertion.returning(cls.id)))

    @classmethod
    def revise(cls, key: str, message: str, **facts: Any) -> None:
        """Replace the message and ``facts`` of an open exception, whose subject has changed."""
        is_open = (cls.key == key) & cls.resolved_at.is_(None)
        values = {"message": message, "facts": cls.facts.op("||")(cast(facts, JSONB))}
        db.session.execute(
            db.update(cls).where(is_open).values(values),
            execution_options={"synchronize_session": False},
        )

    @classmethod
    def get_for_update(cls, id: UUID) -> "PaymentException | None":
        """Lock the exception until the transaction ends and return it."""
        return db.session.get(cls, id, with_for_update=True, populate_existing=True)
