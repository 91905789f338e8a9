"""Money that was received outside Stripe, as an officer has recorded it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, cast, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...audit.models import record_changes
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import newest_first, prepared_query
from ...ledger.models import GUARDS
from ..rules import ReceiptNotFound
from .events import ApplicationEvent

GUARDS["murabaha_receipts"] = {
    "receipts_are_never_deleted": "a524bf990a772bb195472fdb36df0fa8",
    "a_receipt_is_fixed": "aa32e1d480f02860e9b19e1ee10261c2",
}


@record_changes(
    *("id", "kind", "amount", "method", "reference", "received_on", "reversed_at"),
    subject="application",
    subject_id="application_id",
    part="receipt",
)
class Receipt(UUIDPrimaryKeyMixin, Base):
    """A receipt. Nothing of it changes, except that it can be reversed once."""

    __tablename__ = "murabaha_receipts"
    __table_args__ = (
        CheckConstraint("kind IN ('installment', 'down_payment')", name="kind"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(
            "num_nulls(reversed_at, reversed_by, reversal_reason) IN (0, 3)", name="reversed"
        ),
        Index(None, "application_id", "created_at", "id"),
        # The same receipt is recorded once; after its reversal, for example when a cheque is
        # presented again, it can be recorded again.
        Index(
            "uq_murabaha_receipts_reference",
            "application_id",
            "reference_key",
            unique=True,
            postgresql_where=text("reversed_at IS NULL"),
        ),
    )

    application_id: Mapped[UUID] = mapped_column(ForeignKey("murabaha_applications.id"))
    kind: Mapped[str]
    amount: Mapped[Decimal]
    method: Mapped[str]
    reference: Mapped[str]
    # Method and reference as they are compared; None for a repetition from before migration 0015.
    reference_key: Mapped[str | None]
    received_on: Mapped[date]
    # What it paid of each instalment: number and amount.
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    reversed_at: Mapped[datetime | None]
    reversed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    reversal_reason: Mapped[str | None]

    @prepared_query
    def for_application(cls: Any, application_id):
        """Select an application's receipts, newest first."""
        own = db.select(cls).where(cls.application_id == application_id)
        return newest_first(own, cls.created_at, cls.id)

    @classmethod
    def get_for_update(cls, application_id: UUID, id: UUID) -> "Receipt":
        """Lock the application's receipt. Raises ReceiptNotFound."""
        query = db.select(cls).where(cls.id == id, cls.application_id == application_id)
        receipt = db.session.scalar(query.with_for_update())
        if receipt is None:
            raise ReceiptNotFound
        return receipt

    @classmethod
    def exists(cls, application_id: UUID, reference_key: str) -> bool:
        """Whether the application has a receipt with this key that was not reversed."""
        query = db.select(cls.id).where(
            cls.application_id == application_id,
            cls.reference_key == reference_key,
            cls.reversed_at.is_(None),
        )
        return db.session.scalar(query) is not None

    @classmethod
    def has_unreversed(cls, ids: list[UUID]) -> bool:
        """Whether one of these receipts was not reversed."""
        query = db.select(cls.id).where(cls.id.in_(ids), cls.reversed_at.is_(None))
        return db.session.scalar(query.limit(1)) is not None

    @classmethod
    def down_payments(cls, application_id: UUID, *, owed_back: bool) -> list["Receipt"]:
        """List the receipts for a down payment that were not reversed.

        With ``owed_back`` those of a down payment that has to be returned because its offer did not
        become a sale, else those of the present offer or sale.
        """
        query = db.select(cls).where(
            cls.application_id == application_id,
            cls.kind == "down_payment",
            cls.reversed_at.is_(None),
            cls._is_owed_back() == owed_back,
        )
        return list(db.session.scalars(query.order_by(cls.created_at, cls.id)))

    @classmethod
    def _is_owed_back(cls) -> Any:
        """Build the condition that the return of a down payment names the receipt."""
        named = ApplicationEvent.facts["receipts"].contains(func.to_jsonb(cast(cls.id, Text)))
        own = ApplicationEvent.application_id == cls.application_id
        returned = ApplicationEvent.action == "return_down_payment"
        return db.select(ApplicationEvent.id).where(own, returned, named).exists()
