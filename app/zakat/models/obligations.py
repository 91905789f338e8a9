"""The zakat that users owe for a Hijri year, and what they have paid of it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ... import clock
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import newest_first, prepared_query, sql_property
from ...users.models import on_user_erased


class ObligationPayment(UUIDPrimaryKeyMixin, Base):
    """A part of an obligation that the user says to have paid."""

    __tablename__ = "zakat_obligation_payments"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        Index(None, "obligation_id", "paid_on", "id"),
        Index(
            "uq_zakat_obligation_payments_donation_id",
            "donation_id",
            unique=True,
            postgresql_where=db.text("donation_id IS NOT NULL"),
        ),
    )

    obligation_id: Mapped[UUID] = mapped_column(
        ForeignKey("zakat_obligations.id", ondelete="CASCADE")
    )
    amount: Mapped[Decimal]
    paid_on: Mapped[date]
    recipient: Mapped[str | None]
    category: Mapped[str | None]
    reference: Mapped[str | None]
    donation_id: Mapped[UUID | None] = mapped_column(ForeignKey("waqf_donations.id"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @prepared_query
    def by_id(cls: Any, id):
        """Select a payment."""
        return db.select(cls).where(cls.id == id)


class Obligation(UUIDPrimaryKeyMixin, Base):
    """The zakat that a user owes for a Hijri year, from one of their calculations."""

    __tablename__ = "zakat_obligations"
    __table_args__ = (
        CheckConstraint("due > 0", name="due"),
        Index(None, "user_id", "hijri_year", unique=True),
        Index(None, "user_id", "created_at", "id"),
        Index(None, "due_on"),
        Index(
            "ix_zakat_obligations_calculation_id",
            "calculation_id",
            postgresql_where=db.text("calculation_id IS NOT NULL"),
        ),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    calculation_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("zakat_calculations.id", ondelete="SET NULL")
    )
    hijri_year: Mapped[int]
    currency: Mapped[str]
    due: Mapped[Decimal]
    due_on: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    payments: Mapped[list[ObligationPayment]] = relationship(
        order_by=(ObligationPayment.paid_on, ObligationPayment.id), passive_deletes=True
    )

    @sql_property
    def paid(cls: Any) -> Any:
        """The sum of the payments."""
        amounts = db.select(db.func.coalesce(db.func.sum(ObligationPayment.amount), 0))
        own = amounts.where(ObligationPayment.obligation_id == cls.id)
        return own.correlate(cls).scalar_subquery()

    @sql_property
    def remaining(cls: Any) -> Any:
        """What is still due; 0 if more was paid."""
        return db.func.greatest(cls.due - cls.paid, 0)

    @prepared_query
    def for_user(cls: Any, user_id, id):
        """Select the user's obligations, newest first, or the one with ``id``."""
        own = db.select(cls).where(cls.user_id == user_id)
        if id is not None:
            return own.where(cls.id == id)
        return newest_first(own, cls.created_at, cls.id)

    @classmethod
    def lock(cls, user_id: UUID, id: UUID) -> "Obligation | None":
        """Lock an obligation of the user until the end of the transaction."""
        own = db.select(cls).where(cls.user_id == user_id, cls.id == id)
        return db.session.scalar(own.with_for_update())

    @classmethod
    def lock_year(cls, user_id: UUID, hijri_year: int) -> "Obligation | None":
        """Lock the user's obligation of a Hijri year until the end of the transaction."""
        own = db.select(cls).where(cls.user_id == user_id, cls.hijri_year == hijri_year)
        return db.session.scalar(own.with_for_update())

    def count_payments(self) -> int:
        """Count the payments."""
        count = db.select(db.func.count()).select_from(ObligationPayment)
        own = count.where(ObligationPayment.obligation_id == self.id)
        return db.session.scalar(own) or 0

    @classmethod
    def unpaid(cls, first: date, last: date) -> Any:
        """Select what is not paid in full and due on a day from ``first`` to ``last``."""
        return (
            db.select(cls, cls.remaining)
            .where(cls.due_on.between(first, last), cls.remaining > 0)
            .order_by(cls.id)
        )


@on_user_erased
def delete_obligations(user_id: UUID) -> None:
    """Delete all obligations of the user, with their payments."""
    db.session.execute(db.delete(Obligation).where(Obligation.user_id == user_id))
