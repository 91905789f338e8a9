"""Applications, with their contracts."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Sequence,
    Uuid,
    bindparam,
    literal_column,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, composite, mapped_column, relationship
from sqlalchemy.types import Text

from ... import clock
from ...audit.models import record_changes
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import (
    bind_callable,
    constant,
    newest_first,
    oldest_first,
    prepared_query,
    sql_property,
)
from ...ledger.models import GUARDS
from ...users.models import User, has_text
from ..rules import (
    BEFORE_SALE,
    OFFERED,
    STATES,
    ApplicationNotFound,
    InstallmentBalance,
    Price,
)
from .events import ApplicationEvent
from .installments import Installment
from .vendors import Vendor

FUND = "murabaha"  # separate from the funds of waqf projects
APPLICATION_NUMBERS = Sequence("murabaha_application_numbers", metadata=Base.metadata)

GUARDS["murabaha_applications"] = {
    "applications_are_never_deleted": "ad103ab5a020c03b5bb3a0cc5ec986b1",
    "a_sale_is_fixed": "42a1c66f65702243d378cf4317ecb711",
    "the_sale_adds_up": "c66bf8f9f81ae3ffce3d6a3810d6e189",
}


@dataclass(frozen=True)
class Contract(Price):
    """The approved price and offer, and when they became a sale."""

    expires_at: datetime
    acquired_on: date | None = None
    accepted_at: datetime | None = None
    rebate: Decimal = Decimal(0)


@record_changes(
    *("state", "vendor_id", "term_months", "cost", "profit_rate", "profit", "selling_price"),
    *("agreed_down_payment", "financed", "expires_at", "acquired_on", "rebate"),
    *("down_payment_received", "waived_as_charity"),
    subject="application",
)
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
        CheckConstraint(
            "down_payment_received >= 0"
            " AND down_payment_received <= coalesce(agreed_down_payment, 0)",
            name="down_payment_received",
        ),
        CheckConstraint("waived_as_charity >= 0", name="waived_as_charity"),
        Index(None, "user_id", "created_at", "id"),
        Index(None, "user_id", "state", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "state", "created_at", "id"),
        Index(
            "ix_murabaha_applications_expired",
            *("created_at", "id"),
            postgresql_include=("state", "expires_at"),
            postgresql_where=db.text("state IN ('approved', 'acquired', 'expired')"),
        ),
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
    # Money for the down payment that has arrived and was not given back.
    down_payment_received: Mapped[Decimal] = mapped_column(default=Decimal(0))
    # Whether the sale's entry has the down payment; False for sales from before migration 0015,
    # whose agreement says that it was paid.
    has_booked_down_payment: Mapped[bool] = mapped_column(default=False)
    # What the institution has waived of the instalments besides a rebate.
    waived_as_charity: Mapped[Decimal] = mapped_column(default=Decimal(0))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    user: Mapped[User] = relationship()
    vendor: Mapped[Vendor] = relationship()
    installments: Mapped[list[Installment]] = relationship(order_by="Installment.number")

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
    def down_payment_paid(cls: Any) -> Any:
        """What has been paid of the down payment; all of it in a sale whose entry lacks it."""
        columns = cls.__table__.c
        is_assumed = columns.accepted_at.is_not(None) & ~cls.has_booked_down_payment
        return db.case((is_assumed, columns.agreed_down_payment), else_=cls.down_payment_received)

    @property
    def unpaid_down_payment(self) -> Decimal:
        """What is left to pay of the agreed down payment."""
        contract = self.contract
        if contract is None or (contract.accepted_at and not self.has_booked_down_payment):
            return Decimal(0)
        return contract.down_payment - self.down_payment_received

    @sql_property
    def applicant(cls: Any) -> Any:
        """Name and e-mail of the client, for a reader (``readable_by``) who is another person.

        The buyer of goods that were sold is named also once their account has been erased.
        """
        is_other = cls.user_id != bindparam("reader_id", type_=Uuid)
        buyer = ApplicationEvent.buyer_of(cls)
        name = db.func.coalesce(db.func.nullif(User.name, literal_column("''")), buyer, User.name)
        person = db.func.json_build_object(
            literal_column("'name'"), name, literal_column("'email'"), User.email
        )
        client = db.select(person).where(User.id == cls.user_id)
        return db.case((is_other, client.correlate(cls.__table__).scalar_subquery()))

    @sql_property
    def owed(cls: Any) -> Any:
        """The financed amount; NULL before the sale, when there is no debt yet."""
        return db.case((cls.__table__.c.accepted_at.is_not(None), cls.__table__.c.financed))

    @sql_property
    def paid(cls: Any) -> Any:
        return Installment.total(Installment.paid_amount, cls)

    @sql_property
    def waived(cls: Any) -> Any:
        return Installment.total(Installment.waived, cls)

    @sql_property
    def remaining(cls: Any) -> Any:
        outstanding = Installment.amount - Installment.paid_amount - Installment.waived
        return Installment.total(outstanding, cls)

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
    def readable_by(cls: Any, reader_id, id):
        """Select the application with ``id``, if it is the user's own or the user is staff."""
        is_officer = db.select(User.id).where(User.id == reader_id, User.role != "user").exists()
        return db.select(cls).where((cls.user_id == reader_id) | is_officer, cls.id == id)

    @classmethod
    def has_status(cls, status: str) -> Any:
        """Build the condition that ``status`` has this value, which an index can find."""
        if status not in {*OFFERED, "expired"}:
            return cls.state == constant(status)
        now = bind_callable(clock.now, DateTime(timezone=True))
        expires_at = cls.__table__.c.expires_at
        if status == "expired":
            is_expired = (cls.state == constant(status)) | (expires_at <= now)
            return cls.state.in_(map(constant, (*OFFERED, status))) & is_expired
        return (cls.state == constant(status)) & (expires_at.is_(None) | (expires_at > now))

    @prepared_query(choices=("status", "overdue"))
    def search(  # noqa: PLR0917 (a parameter for each filter)
        cls: Any,
        reader_id,
        owner_id,
        status,
        overdue,
        applicant,
        applicant_ids,
        since,
        until,
        oldest,
    ):
        """Select applications as ``reader_id`` may see them (``applicant``).

        Each parameter that is not None selects: those of the user ``owner_id``, in ``status``, with
        or without an ``overdue`` instalment, of one of the users ``applicant_ids``, an array, or
        with ``applicant`` in the name or e-mail, created from ``since`` to before ``until``. Newest
        first, or ``oldest`` first.
        """
        query = db.select(cls)
        if owner_id is not None:
            query = query.where(cls.user_id == owner_id)
        if applicant_ids is not None:
            ids = db.cast(applicant_ids, ARRAY(Uuid))
            query = query.where(cls.user_id == db.func.any(ids))
        if status is not None:
            query = query.where(cls.has_status(status))
        if overdue is not None:
            ids = Installment.overdue_applications()
            # PostgreSQL expects far more unpaid instalments of the past than there are: of a
            # sub-select it would look for them application by application, of an array it does not.
            is_overdue = cls.id == db.func.any(db.func.array(ids.scalar_subquery()))
            query = query.where(is_overdue if overdue else cls.id.not_in(ids))
        if applicant is not None:
            query = query.where(_has_applicant(cls, applicant))
        if since is not None:
            query = query.where(cls.created_at >= since)
        if until is not None:
            query = query.where(cls.created_at < until)
        order = newest_first if oldest is None else oldest_first
        return order(query, cls.created_at, cls.id)

    @prepared_query
    def offers(cls: Any, reader_id, status):
        """Select the offers that stand, for staff, the first to expire first; only ``status``."""
        now = bind_callable(clock.now, DateTime(timezone=True))
        expires_at = cls.__table__.c.expires_at
        is_open = db.or_(*(cls.state == state for state in OFFERED)) & (expires_at > now)
        query = db.select(cls).where(is_open)
        if status is not None:
            query = query.where(cls.state == status)
        return oldest_first(query, expires_at, cls.id)

    @classmethod
    def count_pending(cls, user_id: UUID) -> int:
        """Return the number of the user's applications that wait for a decision."""
        pending = db.select(db.func.count()).where(cls.user_id == user_id, cls.state == "pending")
        return db.session.scalar(pending) or 0

    @classmethod
    def get_for_update(cls, id: UUID) -> "Application":
        """Lock the application's row until the transaction ends. Raises ApplicationNotFound."""
        application = db.session.get(cls, id, with_for_update=True)
        if application is None:
            raise ApplicationNotFound
        return application

    @classmethod
    def lock_for_client(cls, user_id: UUID) -> list["Application"]:
        """Lock the client's applications, in one order."""
        query = db.select(cls).where(cls.user_id == user_id).order_by(cls.id).with_for_update()
        return list(db.session.scalars(query, execution_options={"populate_existing": True}))

    @classmethod
    def lock_before_sale(cls, vendor_id: UUID) -> list["Application"]:
        """Lock the vendor's applications that are not decided or not sold yet, in one order."""
        query = db.select(cls).where(cls.vendor_id == vendor_id, cls.state.in_(BEFORE_SALE))
        return list(db.session.scalars(query.order_by(cls.id).with_for_update()))


def _has_applicant(application: Any, part: Any) -> Any:
    """Build the condition that the applicant's name or e-mail contains ``part``, in any case."""
    return db.exists().where(User.id == application.user_id, has_text(User, part))
