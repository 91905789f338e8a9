"""The instalments of a sale."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import bind_callable, sql_property
from ...ledger.models import GUARDS
from ...payments.models import Payment
from ..rules import GRACE_PERIOD

GUARDS["murabaha_installments"] = {
    "installments_are_never_deleted": "c0d76759eb0d304c8e1ffa0672b76603",
    "an_installment_is_fixed": "e5b9105f1dda8b661330d2ee5e867f00",
    "the_installments_add_up": "43a4b469bc8e2d02b6bf8831fdf4737e",
}


class Installment(UUIDPrimaryKeyMixin, Base):
    """A part of the price, and how much of it has been paid, or waived as rebate or charity."""

    __tablename__ = "murabaha_installments"
    __table_args__ = (
        UniqueConstraint("application_id", "number"),
        CheckConstraint(
            "amount > 0 AND paid_amount >= 0 AND waived >= 0 AND paid_amount + waived <= amount",
            name="never_beyond",
        ),
        Index(
            "ix_murabaha_installments_unpaid",
            *("due_date", "application_id", "id"),
            postgresql_where=db.text("paid_amount + waived < amount"),
        ),
    )

    application_id: Mapped[UUID] = mapped_column(ForeignKey("murabaha_applications.id"))
    number: Mapped[int]
    due_date: Mapped[date]
    agreed_due_date: Mapped[date | None]  # at the sale; None for a sale from before migration 0031
    amount: Mapped[Decimal]  # as in the contract; never changes
    paid_amount: Mapped[Decimal] = mapped_column(default=Decimal(0))
    waived: Mapped[Decimal] = mapped_column(default=Decimal(0))
    paid_at: Mapped[datetime | None]

    @sql_property
    def owed(cls: Any) -> Any:
        """The amount due, after a rebate."""
        return cls.amount - cls.waived

    @sql_property
    def status(cls: Any) -> Any:
        return cls.status_of(cls)

    @staticmethod
    def status_of(row: Any) -> Any:
        """Build the status of ``row``, this model or an alias of it."""
        return db.case(
            (row.waived == row.amount, "waived"),
            (row.paid_amount + row.waived == row.amount, "paid"),
            (Payment.is_processing_for(row.id), "processing"),
            (row.due_date < _overdue_before(), "overdue"),  # also if a payment was only started
            (Payment.is_pending_for(row.id), "processing"),
            else_="pending",
        )

    @classmethod
    def overdue_applications(cls) -> Any:
        """Select the ids of the applications with an overdue instalment, from its index alone."""
        return db.select(cls.application_id).where(
            cls.paid_amount + cls.waived < cls.amount,
            cls.due_date < _overdue_before(),
            ~Payment.is_processing_for(cls.id),
        )

    @property
    def is_settled(self) -> bool:
        """Whether nothing is outstanding."""
        return self.paid_amount + self.waived == self.amount

    def waive(self, amount: Decimal) -> None:
        """Take ``amount`` off what is due; a negative one is due again."""
        self.waived += amount
        if not self.is_settled:
            self.paid_at = None
        elif amount and self.paid_amount:
            self.paid_at = clock.now()

    @classmethod
    def application_id_of(cls, id: UUID | None) -> UUID:
        return db.session.scalars(db.select(cls.application_id).where(cls.id == id)).one()

    @classmethod
    def total(cls, amount: Any, application: Any) -> Any:
        """Build the sum of ``amount`` over the application's instalments."""
        own = cls.application_id == application.id
        total = db.func.coalesce(db.func.sum(amount), 0)
        return db.select(total).where(own).correlate(application.__table__).scalar_subquery()


def _overdue_before() -> Any:
    """Build the day before which an unpaid instalment is overdue."""
    return bind_callable(lambda: clock.today() - GRACE_PERIOD, Date)
