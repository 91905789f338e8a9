"""Applications with their contracts and instalments."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Sequence,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, composite, mapped_column, relationship
from sqlalchemy.types import Text

from ... import clock
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import bind_callable, newest_first, prepared_query, sql_property
from ...ledger.models import GUARDS
from ...payments.models import Payment
from ...users.models import User
from ..rules import (
    BEFORE_SALE,
    GRACE_PERIOD,
    OFFERED,
    STATES,
    ApplicationNotFound,
    InstallmentBalance,
    Price,
)
from .vendors import Vendor

FUND = "murabaha"  # separate from the funds of waqf projects
APPLICATION_NUMBERS = Sequence("murabaha_application_numbers", metadata=Base.metadata)

GUARDS["murabaha_applications"] = {
    "applications_are_never_deleted": "ad103ab5a020c03b5bb3a0cc5ec986b1",
    "a_sale_is_fixed": "42a1c66f65702243d378cf4317ecb711",
    "the_sale_adds_up": "a5983fcfcdc6dd991bdb8f9cdd765673",
}
GUARDS["murabaha_installments"] = {
    "installments_are_never_deleted": "c0d76759eb0d304c8e1ffa0672b76603",
    "an_installment_is_fixed": "8af58f4b7c5628b23eee9013b5afed07",
    "the_installments_add_up": "e227fd9daf3b5db10bdd50d631a0aa04",
}


@dataclass(frozen=True)
class Contract(Price):
    """The approved price and offer, and when they became a sale."""

    expires_at: datetime
    acquired_on: date | None = None
    accepted_at: datetime | None = None
    rebate: Decimal = Decimal(0)


class Application(UUIDPrimaryKeyMixin, Base):
    """A client's application for goods, and the sale that it may become."""

    __tablename__ = "murabaha_applications"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint(
            "selling_price = cost + profit AND financed = selling_price - agreed_down_payment"
            " AND financed > 0 AND cost > 0 AND profit >= 0 AND agreed_down_payment >= 0",
            name="price",
        ),
        CheckConstraint("accepted_at IS NULL OR acquired_on IS NOT NULL", name="owned_before_sale"),
        CheckConstraint("rebate BETWEEN 0 AND profit", name="rebate"),
        Index(None, "user_id", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "documents", postgresql_using="gin"),
    )

    application_number: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    vendor_id: Mapped[UUID] = mapped_column(ForeignKey("murabaha_vendors.id"), index=True)
    item_description: Mapped[str]
    requested_amount: Mapped[Decimal]
    currency: Mapped[str]
    term_months: Mapped[int]
    down_payment: Mapped[Decimal]
    documents: Mapped[list[str]] = mapped_column(ARRAY(Text))
    state: Mapped[str] = mapped_column(default="pending")  # as stored; see status
    contract: Mapped[Contract | None] = composite(
        mapped_column("cost", nullable=True),
        mapped_column("profit_rate", nullable=True),
        mapped_column("profit", nullable=True),
        mapped_column("selling_price", nullable=True),
        mapped_column("agreed_down_payment", nullable=True),
        mapped_column("financed", nullable=True),
        mapped_column("expires_at", nullable=True),
        mapped_column("acquired_on", nullable=True),
        mapped_column("accepted_at", nullable=True),
        mapped_column("rebate", nullable=True),
    )
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    user: Mapped[User] = relationship()
    vendor: Mapped[Vendor] = relationship()
    installments: Mapped[list["Installment"]] = relationship(order_by="Installment.number")

    @hybrid_property
    def status(self) -> str:
        """The state; an offer is expired from its time on, before that is recorded."""
        has_lapsed = self.contract and self.contract.expires_at <= clock.now()
        return "expired" if self.state in OFFERED and has_lapsed else self.state

    @status.inplace.expression
    @classmethod
    def _status(cls) -> Any:
        now = bind_callable(clock.now, DateTime(timezone=True))
        is_offered = db.or_(*(cls.state == state for state in OFFERED))
        has_lapsed = is_offered & (cls.__table__.c.expires_at <= now)
        return db.case((has_lapsed, "expired"), else_=cls.state)

    @sql_property
    def owed(cls: Any) -> Any:
        """The financed amount; NULL before the sale, when there is no debt yet."""
        return db.case((cls.__table__.c.accepted_at.is_not(None), cls.__table__.c.financed))

    @sql_property
    def paid(cls: Any) -> Any:
        return Installment.total(Installment.paid_amount)

    @sql_property
    def waived(cls: Any) -> Any:
        return Installment.total(Installment.waived)

    @sql_property
    def remaining(cls: Any) -> Any:
        outstanding = Installment.amount - Installment.paid_amount - Installment.waived
        return Installment.total(outstanding)

    @property
    def installment_balances(self) -> list[InstallmentBalance]:
        return [
            InstallmentBalance(
                installment.number,
                installment.amount - installment.waived,
                installment.paid_amount,
            )
            for installment in self.installments
        ]

    @prepared_query
    def readable_by(cls: Any, reader_id, id, status):
        """Select the user's own applications, or all for an officer, newest first.

        With ``id`` select only that one, with ``status`` only those in it.
        """
        is_officer = db.select(User.id).where(User.id == reader_id, User.role != "user").exists()
        query = db.select(cls).where((cls.user_id == reader_id) | is_officer)
        if id is not None:
            return query.where(cls.id == id)
        if status is not None:
            query = query.where(cls.status == status)
        return newest_first(query, cls.created_at, cls.id)

    @prepared_query
    def latest(cls: Any, user_id, max_rows):
        """Select the user's newest applications, at most ``max_rows``."""
        own = db.select(cls).where(cls.user_id == user_id)
        return own.order_by(cls.created_at.desc(), cls.id.desc()).limit(max_rows)

    @classmethod
    def count_pending(cls, user_id: UUID) -> int:
        """Return the number of the user's applications that wait for a decision."""
        return db.session.query(cls).filter_by(user_id=user_id, state="pending").count()

    @classmethod
    def get_for_update(cls, id: UUID) -> "Application":
        """Lock the application's row until the transaction ends. Raises ApplicationNotFound."""
        application = db.session.get(cls, id, with_for_update=True)
        if application is None:
            raise ApplicationNotFound
        return application

    @classmethod
    def lock_before_sale(cls, vendor_id: UUID) -> list["Application"]:
        """Lock the vendor's applications that are not decided or not sold yet, in one order."""
        query = db.select(cls).where(cls.vendor_id == vendor_id, cls.state.in_(BEFORE_SALE))
        return list(db.session.scalars(query.order_by(cls.id).with_for_update()))


class Installment(UUIDPrimaryKeyMixin, Base):
    """A part of the price, and how much of it has been paid or waived."""

    __tablename__ = "murabaha_installments"
    __table_args__ = (
        UniqueConstraint("application_id", "number"),
        CheckConstraint(
            "amount > 0 AND paid_amount >= 0 AND waived >= 0 AND paid_amount + waived <= amount",
            name="never_beyond",
        ),
    )

    application_id: Mapped[UUID] = mapped_column(ForeignKey("murabaha_applications.id"))
    number: Mapped[int]
    due_date: Mapped[date]
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
        overdue_before = bind_callable(lambda: clock.today() - GRACE_PERIOD, Date)
        return db.case(
            (cls.waived == cls.amount, "waived"),
            (cls.paid_amount + cls.waived == cls.amount, "paid"),
            (Payment.is_processing_for(cls.id), "processing"),
            (cls.due_date < overdue_before, "overdue"),  # also if a payment was only started
            (Payment.is_pending_for(cls.id), "processing"),
            else_="pending",
        )

    @property
    def is_settled(self) -> bool:
        """Whether nothing is outstanding."""
        return self.paid_amount + self.waived == self.amount

    @classmethod
    def application_id_of(cls, id: UUID | None) -> UUID:
        return db.session.scalars(db.select(cls.application_id).where(cls.id == id)).one()

    @classmethod
    def total(cls, amount: Any) -> Any:
        """Build the sum of ``amount`` over an application's instalments."""
        own = cls.application_id == Application.id
        total = db.func.coalesce(db.func.sum(amount), 0)
        return db.select(total).where(own).correlate(Application.__table__).scalar_subquery()
