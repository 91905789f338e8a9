"""Payments through Stripe.

Updates from Stripe are merged, so that neither their order nor their number matters: a final status
is replaced only by one that takes precedence, a refund or dispute is identified by its id, and
everything that depends on a payment (ledger, project totals, instalment) is derived again from its
current state.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ... import clock
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import prepared_query, sql_property
from ...money import ZERO
from ..rules import (
    BEGUN,
    FINAL,
    LOST,
    OPEN_REFUND_STATUSES,
    PAYABLE,
    PAYMENT_TTL,
    STATUS_FROM_STRIPE,
    STATUSES,
    next_payment_status,
    withholds_funds,
)
from .reversals import Reversal
from .snapshots import PaymentSnapshot
from .webhook_events import WebhookEvent


class Payment(UUIDPrimaryKeyMixin, Base):
    """A payment through Stripe, for a donation, an instalment or an application's down payment."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint(
            "amount > 0 AND amount_received >= 0 AND stripe_amount_refunded >= 0", name="amount"
        ),
        CheckConstraint(
            "num_nonnulls(donation_id, installment_id, application_id) = 1", name="purpose"
        ),
        Index(
            "ix_payments_open",
            "created_at",
            postgresql_where=db.text("status IN ('pending', 'processing', 'failed')"),
        ),
        Index(
            "uq_payments_open_installment",
            "installment_id",
            unique=True,
            postgresql_where=db.text("status = 'pending' AND NOT superseded"),
        ),
        Index(
            "ix_payments_installment_id",
            "installment_id",
            postgresql_where=db.text("installment_id IS NOT NULL"),
        ),
        Index(
            "uq_payments_open_down_payment",
            "application_id",
            unique=True,
            postgresql_where=db.text(
                "application_id IS NOT NULL AND status = 'pending' AND NOT superseded"
            ),
        ),
        Index(
            "ix_payments_application_id",
            "application_id",
            postgresql_where=db.text("application_id IS NOT NULL"),
        ),
        Index(
            "uq_payments_intent_id",
            "intent_id",
            unique=True,
            postgresql_where=db.text("intent_id IS NOT NULL"),
        ),
    )

    donation_id: Mapped[UUID | None] = mapped_column(ForeignKey("waqf_donations.id"), unique=True)
    installment_id: Mapped[UUID | None] = mapped_column(ForeignKey("murabaha_installments.id"))
    # Of a down payment.
    application_id: Mapped[UUID | None] = mapped_column(ForeignKey("murabaha_applications.id"))
    amount: Mapped[Decimal]  # that was requested
    # What Stripe has captured; it may be less or more than was requested.
    amount_received: Mapped[Decimal] = mapped_column(default=ZERO, server_default=db.text("0"))
    currency: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending")
    payment_method_id: Mapped[
        str | None
    ]  # Stripe's id of the card to charge; cleared if the intent has none
    intent_id: Mapped[str | None]
    charge_id: Mapped[str | None]  # of the charge that succeeded
    client_secret: Mapped[str | None]  # while the intent can be paid
    next_action: Mapped[str | None]  # Stripe's type of what the payer has to do
    has_begun: Mapped[bool] = mapped_column(default=False, server_default=false())  # see BEGUN
    paid_at: Mapped[datetime | None]  # when it succeeded at Stripe
    # The highest total of a charge's refunds that Stripe has reported.
    stripe_amount_refunded: Mapped[Decimal] = mapped_column(default=ZERO)
    last_event_at: Mapped[int | None] = mapped_column(BigInteger)  # Unix time
    superseded: Mapped[bool] = mapped_column(
        default=False
    )  # must not be paid any more: replaced, or the balance changed
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    # What its PaymentIntent says about it (integrations.stripe_descriptions); never changed.
    details: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))

    reversals: Mapped[list[Reversal]] = relationship(order_by=Reversal.created_at)

    @sql_property
    def provider(cls: Any) -> Any:
        return db.literal_column("'stripe'")

    @sql_property
    def expires_at(cls: Any) -> Any:
        """When the payment is given up; NULL once its payer has begun to pay, or it has ended."""
        is_unpaid = db.or_(cls.status == "pending", cls.status == "failed") & ~cls.has_begun
        return db.case((is_unpaid, cls.created_at + PAYMENT_TTL))

    @property
    def amount_refunded(self) -> Decimal:
        """The part of the received amount that was refunded."""
        # Stripe's highest reported total still contains refunds that failed later.
        failed = self._refund_sum(is_confirmed=True, has_returned_nothing=True)
        total = max(self._refund_sum(is_confirmed=True), self.stripe_amount_refunded - failed)
        return min(self.amount_received, total)

    def _refund_sum(self, *, is_confirmed: bool, has_returned_nothing: bool = False) -> Decimal:
        """Sum the refunds whose two properties have these values."""
        refunds = [
            refund
            for refund in self._reversals("refund")
            if refund.is_confirmed == is_confirmed
            and refund.has_returned_nothing == has_returned_nothing
        ]
        return sum((refund.amount for refund in refunds), ZERO)

    def _reversals(self, kind: str) -> list[Reversal]:
        return [reversal for reversal in self.reversals if reversal.kind == kind]

    @property
    def amount_disputed(self) -> Decimal:
        """The part of the received amount that a dispute withholds or has taken."""
        return self._dispute_sum(withholds_funds)

    @property
    def amount_charged_back(self) -> Decimal:
        """The part of the received amount that lost disputes have taken."""
        return self._dispute_sum(lambda status: status == LOST)

    def last_change(self, kind: str) -> datetime | None:
        """When one of its refunds or disputes last began or ended to take money; None: never."""
        times = [each.effective_at for each in self._reversals(kind) if each.effective_at]
        return max(times, default=None)

    def _dispute_sum(self, includes: Callable[[str], bool]) -> Decimal:
        """Sum the disputes with a status that ``includes``, up to what was not refunded."""
        disputes = self._reversals("dispute")
        amounts = [dispute.amount for dispute in disputes if includes(dispute.status)]
        return min(self.amount_received - self.amount_refunded, sum(amounts, ZERO))

    @property
    def unconfirmed_refund_amount(self) -> Decimal:
        """The sum of the requested refunds that Stripe has not confirmed."""
        return self._refund_sum(is_confirmed=False)

    @property
    def refundable_amount(self) -> Decimal:
        """What can be refunded; negative if requests and disputes exceed the received amount."""
        # Stripe's total may contain refunds that are unconfirmed here: they are not counted twice.
        known_refunds = self._refund_sum(is_confirmed=True) + self.unconfirmed_refund_amount
        refunds = max(self.amount_refunded, known_refunds)
        return self.amount_received - self.amount_disputed - refunds

    @property
    def has_failed_refund(self) -> bool:
        """Whether a refund is ``failed``, not ``canceled``: another one would fail too."""
        return any(refund.status == "failed" for refund in self._reversals("refund"))

    def apply_status(
        self,
        status: str,
        at: int | None = None,
        *,
        stale: bool = False,
        next_action: str | None = None,
    ) -> None:
        """Apply a status that an event reported ``at`` Unix time, or that was fetched (None).

        A stale update counts only if it is final. Stale: reported before the last event, or in the
        same second and earlier in the life of a payment; or, by ``stale``, a response of Stripe to
        a payment that has changed since it was sent.
        """
        last_at = self.last_event_at
        if at and last_at:
            stale = stale or at < last_at or (at == last_at and self._has_passed(status))
        self.status = next_payment_status(self.status, status, stale)
        if not stale:
            self.last_event_at = at or last_at
            self.has_begun, self.next_action = status in BEGUN, next_action
        if self.status in FINAL:
            self.has_begun, self.next_action, self.client_secret = False, None, None

    def _has_passed(self, status: str) -> bool:
        """Return whether a payable payment has already left Stripe's ``status``."""
        order = {status: number for number, status in enumerate(PAYABLE)}
        reported = STATUS_FROM_STRIPE.get(status, self.status)
        return order.get(reported, len(order)) < order.get(self.status, 0)

    def receive(self, amount: Decimal, at: datetime, charge_id: str | None) -> None:
        """Record that Stripe has received ``amount``; the highest and the earliest report count."""
        amount = self.amount if amount == self.amount else amount  # written alike: 25, not 25.00
        self.amount_received = max(self.amount_received, amount)
        self.paid_at = min(self.paid_at or at, at)
        self.charge_id = charge_id or self.charge_id

    @classmethod
    def is_processing_for(cls, installment_id: Any) -> Any:
        """Build the condition that a payment for the instalment is processing."""
        return db.exists().where(cls.installment_id == installment_id, cls.status == "processing")

    @classmethod
    def is_pending_for(cls, installment_id: Any) -> Any:
        """Build the condition that a payment for the instalment is pending and not superseded."""
        pending = (cls.status == "pending") & ~cls.superseded
        return db.exists().where(cls.installment_id == installment_id, pending)

    @classmethod
    def is_begun(cls) -> Any:
        """Build the condition that its payer has begun to pay, so that money may be on its way."""
        return (cls.status == "processing") | (cls.has_begun & cls.is_payable())

    @classmethod
    def has_open_refund(cls) -> Any:
        """Build the condition that a refund of it may still return money to its payer."""
        is_open = Reversal.status.in_(OPEN_REFUND_STATUSES) & (Reversal.kind == "refund")
        return db.exists().where(Reversal.payment_id == cls.id, is_open)

    @classmethod
    def is_payable(cls) -> Any:
        """Build the condition that it can still succeed; the intent of a failed one can be paid."""
        return db.or_(*(cls.status == status for status in PAYABLE))

    @classmethod
    def snapshot_columns(cls) -> list[Any]:
        """Return the columns of a PaymentSnapshot."""
        return [getattr(cls, name) for name in PaymentSnapshot._fields]

    @prepared_query
    def select_snapshot(cls: Any, payment_id):
        """Select the columns of a PaymentSnapshot."""
        return db.select(*cls.snapshot_columns()).where(cls.id == payment_id)

    @prepared_query
    def select_refund_snapshot(cls: Any, refund_id):
        """Select the columns of a RefundSnapshot."""
        names = ("payment_id", "provider_id", "amount", "status", "created_at")
        own = [getattr(Reversal, name) for name in names]
        query = db.select(cls.currency, cls.intent_id, *own)
        return query.join(Reversal, Reversal.payment_id == cls.id).where(Reversal.id == refund_id)

    @prepared_query
    def attach_intent(cls: Any, payment_id, new_intent, new_secret):
        """Build the update that stores an intent if the payment is unchanged and has no event."""
        unchanged = (cls.id == payment_id) & cls.intent_id.is_(None) & (cls.status == "pending")
        has_event = db.exists().where(WebhookEvent.intent_id == new_intent, WebhookEvent.unmatched)
        update = db.update(cls).where(unchanged, ~has_event, ~cls.superseded)
        # The intent that can be attached here was created without a card.
        values = {"intent_id": new_intent, "client_secret": new_secret}
        return update.values(**values, payment_method_id=db.null())

    @prepared_query
    def by_id(cls: Any, id):
        return db.select(cls).where(cls.id == id)

    @classmethod
    def lock_all(cls, *conditions: Any) -> list["Payment"]:
        """Lock and return the payments with these conditions, oldest first."""
        query = db.select(cls).where(*conditions)
        query = query.order_by(cls.created_at).with_for_update()
        return list(db.session.scalars(query, execution_options={"populate_existing": True}))

    @classmethod
    def lock_payable(cls, *conditions: Any) -> list["Payment"]:
        """Lock and return the payable payments with these conditions, oldest first."""
        return cls.lock_all(cls.is_payable(), *conditions)

    @classmethod
    def superseded_by(cls, current: PaymentSnapshot) -> list[Any]:
        """Return the snapshot columns of superseded, payable payments for what ``current`` pays."""
        same_purpose = (
            cls.installment_id == current.installment_id
            if current.installment_id
            else cls.application_id == current.application_id
        )
        query = db.select(*cls.snapshot_columns()).where(
            same_purpose, cls.id != current.id, cls.superseded, cls.is_payable()
        )
        return list(db.session.execute(query))

    @classmethod
    def supersede(cls, *conditions: Any) -> None:
        """Mark the payable payments with these conditions: what they were to pay has changed."""
        update = db.update(cls).where(cls.is_payable(), *conditions)
        db.session.execute(update.values(superseded=True))

    @classmethod
    def get_for_update(cls, *conditions: Any) -> "Payment | None":
        """Lock the payment's row until the end of the transaction and return it, refreshed."""
        query = db.select(cls).where(*conditions).with_for_update()
        return db.session.scalar(query, execution_options={"populate_existing": True})
