"""The refunds and disputes of payments."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...money import ZERO
from ..rules import has_returned_nothing, next_reversal_status, withholds_funds


class Reversal(UUIDPrimaryKeyMixin, Base):
    """A refund, requested here or made at Stripe, or a dispute."""

    __tablename__ = "payment_reversals"
    __table_args__ = (
        CheckConstraint("kind IN ('refund', 'dispute')", name="kind"),
        CheckConstraint("amount > 0", name="amount"),
        UniqueConstraint("provider_id"),
        Index(
            "ix_payment_reversals_requested",
            "created_at",
            postgresql_where=db.text("provider_id IS NULL AND status = 'requested'"),
        ),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"), index=True)
    kind: Mapped[str]
    provider_id: Mapped[str | None]  # None: requested, and not confirmed by Stripe
    amount: Mapped[Decimal]
    status: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    # When it began at Stripe to take money from the payment, or ended to; None: it never has.
    effective_at: Mapped[datetime | None]

    @property
    def is_confirmed(self) -> bool:
        """Whether Stripe has confirmed it and given it an id."""
        return bool(self.provider_id)

    @property
    def has_returned_nothing(self) -> bool:
        """Whether a refund has ended and returned nothing to the payer: failed or canceled."""
        return has_returned_nothing(self.status)

    @property
    def taken_amount(self) -> Decimal:
        """What it takes from the payment now."""
        if self.kind == "dispute":
            is_taking = withholds_funds(self.status)
        else:
            is_taking = not self.has_returned_nothing
        return self.amount if self.is_confirmed and is_taking else ZERO

    def apply_status(self, status: str) -> None:
        """Apply a status that Stripe reported."""
        self.status = next_reversal_status(self.kind, self.status, status)
