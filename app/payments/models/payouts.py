"""The movements of Stripe's balance, and the payouts from it to the institution's bank."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, column, table
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import constant, newest_first, prepared_query, sql_property
from ...money import ZERO
from ..rules import MATCHES, PAYOUT_RETURNED, PAYOUT_STATUSES
from .exceptions import PaymentException
from .purposes import application_id_of, donation_id_of

# What a payment was for is stored by the layers above.
DONATIONS = table("waqf_donations", column("id"), column("receipt_number"))
APPLICATIONS = table("murabaha_applications", column("id"), column("application_number"))


class Payout(UUIDPrimaryKeyMixin, Base):
    """A transfer from Stripe to the bank; a negative one debits the bank."""

    __tablename__ = "payouts"
    __table_args__ = (
        CheckConstraint(f"status IN {PAYOUT_STATUSES}", name="status"),
        Index(None, "occurred_at", "id"),
        Index(None, "status", "occurred_at", "id"),
        Index("ix_payouts_arrives_on", "arrives_on"),
    )

    provider_id: Mapped[str] = mapped_column(unique=True)
    amount: Mapped[Decimal]
    currency: Mapped[str]
    status: Mapped[str]
    automatic: Mapped[bool]  # Stripe lists the lines of these only
    arrives_on: Mapped[date]
    occurred_at: Mapped[datetime]  # when Stripe created it
    failure_code: Mapped[str | None]
    bank_reference: Mapped[str | None]  # by which the bank can trace it
    description: Mapped[str | None]  # on the bank statement, if Stripe knows it
    lines_ready: Mapped[bool]  # Stripe can list all of them
    lines_complete: Mapped[bool] = mapped_column(default=False)  # all of them are stored here
    # Totals of the lines, which add up to the amount; what was taken is negative.
    charges: Mapped[Decimal] = mapped_column(default=ZERO)
    refunds: Mapped[Decimal] = mapped_column(default=ZERO)
    fees: Mapped[Decimal] = mapped_column(default=ZERO)
    other: Mapped[Decimal] = mapped_column(default=ZERO)
    matched: Mapped[int] = mapped_column(default=0)  # lines
    unmatched: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @sql_property
    def provider(cls: Any) -> Any:
        return db.literal_column("'stripe'")

    @property
    def is_returned(self) -> bool:
        """Whether its money is at Stripe again."""
        return self.status in PAYOUT_RETURNED

    @prepared_query
    def by_id(cls: Any, id):
        return db.select(cls).where(cls.id == id)

    @prepared_query(choices=("status",))
    def search(cls: Any, status, first_day, last_day):
        """Select payouts, newest first, filtered by status and day of arrival if not None."""
        query = db.select(cls)
        if status is not None:
            query = query.where(cls.status == constant(status))
        if first_day is not None:
            query = query.where(cls.arrives_on >= first_day)
        if last_day is not None:
            query = query.where(cls.arrives_on <= last_day)
        return newest_first(query, cls.occurred_at, cls.id)

    @classmethod
    def find(cls, provider_id: str) -> "Payout | None":
        return db.session.scalar(db.select(cls).where(cls.provider_id == provider_id))

    @classmethod
    def without_lines(cls) -> list[str]:
        """Return Stripe's ids of the payouts whose lines can be fetched, oldest first."""
        is_missing = cls.automatic & cls.lines_ready & ~cls.lines_complete
        query = db.select(cls.provider_id).where(is_missing).order_by(cls.occurred_at)
        return list(db.session.scalars(query))


class BalanceTransaction(UUIDPrimaryKeyMixin, Base):
    """A movement of Stripe's balance: of a charge, refund, dispute, fee or payout."""

    __tablename__ = "balance_transactions"
    __table_args__ = (
        CheckConstraint(f"match IN {MATCHES}", name="match"),
        CheckConstraint("net = amount - fee", name="net"),
        CheckConstraint("match <> 'payment' OR payment_id IS NOT NULL", name="payment"),
        Index(None, "payout_id", "occurred_at", "id"),
        Index("ix_balance_transactions_source_id", "source_id"),
        Index(
            "ix_balance_transactions_unbooked",
            "intent_id",
            postgresql_where=db.text("fund IS NULL AND match IN ('payment', 'unmatched')"),
        ),
    )

    provider_id: Mapped[str] = mapped_column(unique=True)
    type: Mapped[str]
    reporting_category: Mapped[str | None]
    amount: Mapped[Decimal]
    fee: Mapped[Decimal]
    net: Mapped[Decimal]
    currency: Mapped[str]  # in which Stripe settles
    # What the movement is about, and its amount in the currency of that, with the sign of `amount`.
    source_id: Mapped[str | None]
    source_amount: Mapped[Decimal]
    source_currency: Mapped[str]
    charge_id: Mapped[str | None]
    intent_id: Mapped[str | None]
    paid_with: Mapped[str | None]  # brand or type of the payment method, and its last four digits
    description: Mapped[str | None]
    match: Mapped[str]
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.id"), index=True)
    fund: Mapped[str | None]  # of the payment, once it is in the ledger
    payout_id: Mapped[UUID | None] = mapped_column(ForeignKey("payouts.id"))
    available_on: Mapped[datetime]
    occurred_at: Mapped[datetime]  # when Stripe created it
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @property
    def is_converted(self) -> bool:
        """Whether Stripe has converted the money of a payment, whose fund is known."""
        is_known = self.match == "payment" and self.fund is not None
        return is_known and self.source_currency != self.currency

    @sql_property
    def donation_id(cls: Any) -> Any:
        return donation_id_of(cls)

    @sql_property
    def application_id(cls: Any) -> Any:
        return application_id_of(cls)

    @sql_property
    def record_number(cls: Any) -> Any:
        """The number of the donation's receipt or of the application."""
        receipt = db.select(DONATIONS.c.receipt_number).where(DONATIONS.c.id == cls.donation_id)
        application = APPLICATIONS.c.id == cls.application_id
        number = db.select(APPLICATIONS.c.application_number).where(application)
        return db.func.coalesce(receipt.scalar_subquery(), number.scalar_subquery())

    @sql_property
    def exception_id(cls: Any) -> Any:
        """The exception about it, if a person has to look at it."""
        keys = [db.func.concat(f"{kind} ", cls.provider_id) for kind in ("unknown_object", "other")]
        query = db.select(PaymentException.id).where(PaymentException.key.in_(keys)).limit(1)
        return query.correlate(cls.__table__).scalar_subquery()

    @prepared_query
    def of_payout(cls: Any, payout_id):
        """Select the lines of a payout, newest first."""
        query = db.select(cls).where(cls.payout_id == payout_id)
        return newest_first(query, cls.occurred_at, cls.id)

    @classmethod
    def paid_with_of(cls, payment_id: UUID) -> str | None:
        """Return what a payment was paid with; None until Stripe has reported it."""
        methods = db.select(cls.paid_with).where(cls.payment_id == payment_id, cls.paid_with != "")
        return db.session.scalar(methods.limit(1))

    @classmethod
    def fee_of(cls, payment_id: Any) -> Any:
        """Build the sum of Stripe's fees for a payment; NULL while none is known."""
        fees = db.select(db.func.sum(cls.fee)).where(cls.payment_id == payment_id)
        return fees.scalar_subquery()


class FetchPosition(Base):
    """The time up to which one of Stripe's lists has been fetched."""

    __tablename__ = "fetch_positions"

    name: Mapped[str] = mapped_column(primary_key=True)
    fetched_until: Mapped[datetime]
