"""Payments, what was taken back of them, and the events that told of it.

Everything here is what Stripe said, merged so that neither order nor number of the messages
matters: a status only ever moves forward, a refund or dispute is known by its id, and whatever
follows from it (the books, a project's figures, an instalment) is worked out anew each time.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .. import clock
from ..database.base import Base, Identified, db
from ..database.prepared import query, sql
from ..ledger.models import figure
from ..money import ZERO
from .rules import OPEN, STATUSES, gone, held, payment_status, taken_status

EVENTS_KEPT = timedelta(days=90)  # Stripe itself tries for three days, and lets resend for thirty


class Outgoing(NamedTuple):
    """A payment as Stripe is to be asked for it."""

    id: UUID
    amount: Decimal
    currency: str
    method: str | None
    intent_id: str | None
    status: str
    created_at: datetime
    installment_id: UUID | None
    superseded: bool
    told_at: int | None


class Returning(NamedTuple):
    """A refund as Stripe is to be asked for it, and what it has said of it."""

    currency: str
    intent_id: str
    payment_id: UUID
    provider_id: str | None
    amount: Decimal
    status: str
    created_at: datetime


class Payment(Identified, Base):
    """Money that somebody means to pay, for one donation or one instalment."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint("amount > 0 AND charge_refunded >= 0", name="amount"),
        CheckConstraint("num_nonnulls(donation_id, installment_id) = 1", name="purpose"),
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
            "uq_payments_intent_id",
            "intent_id",
            unique=True,
            postgresql_where=db.text("intent_id IS NOT NULL"),
        ),
    )

    donation_id: Mapped[UUID | None] = mapped_column(ForeignKey("waqf_donations.id"), unique=True)
    installment_id: Mapped[UUID | None] = mapped_column(ForeignKey("murabaha_installments.id"))
    amount: Mapped[Decimal]
    currency: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending")
    method: Mapped[str | None]  # Stripe's id of what it is to be paid by at once
    intent_id: Mapped[str | None]
    client_secret: Mapped[str | None]  # while it can be paid
    charge_refunded: Mapped[Decimal] = mapped_column(default=ZERO)  # the most that was ever said
    told_at: Mapped[int | None] = mapped_column(BigInteger)  # Unix time of the last event of it
    superseded: Mapped[bool] = mapped_column(default=False)  # another is to be made instead
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    reversals: Mapped[list["Reversal"]] = relationship(order_by="Reversal.created_at")

    @sql
    def provider(cls: Any) -> Any:
        return db.literal_column("'stripe'")

    @hybrid_property
    def is_open(self) -> bool:
        """Whether it can still be paid without anybody asking anew."""
        return self.status in OPEN

    @is_open.inplace.expression
    @classmethod
    def _is_open(cls) -> Any:
        return db.or_(*(cls.status == status for status in OPEN))

    @property
    def received(self) -> Decimal:
        return self.amount if self.status == "succeeded" else ZERO

    @property
    def refunded(self) -> Decimal:
        """How much of what was received was given back."""
        refunds = [one for one in self.reversals if one.kind == "refund" and one.provider_id]
        failed = sum((one.amount for one in refunds if gone(one.status)), ZERO)
        return min(self.received, max(self._refunds(True), self.charge_refunded - failed))

    def _refunds(self, known: bool) -> Decimal:
        """The refunds, ``known`` to Stripe or not, that have not come to nothing."""
        refunds = [one for one in self.reversals if one.kind == "refund" and not gone(one.status)]
        return sum((one.amount for one in refunds if bool(one.provider_id) == known), ZERO)

    @property
    def disputed(self) -> Decimal:
        """How much of what was received a bank holds, or has taken back for good."""
        disputes = [one for one in self.reversals if one.kind == "dispute" and held(one.status)]
        return min(self.received - self.refunded, sum((one.amount for one in disputes), ZERO))

    @property
    def asked_back(self) -> Decimal:
        """Refunds that were asked for and have not come to anything yet."""
        return self._refunds(False)

    @property
    def left(self) -> Decimal:
        """What is there, and can be given back; below 0 where more is asked for than there is."""
        # What was asked for may be what a charge says is refunded: it is not given twice.
        refunds = max(self.refunded, self._refunds(True) + self.asked_back)
        return self.received - self.disputed - refunds

    @property
    def has_failed_to_return(self) -> bool:
        """Whether a refund was refused, or came back: another would be, too."""
        return any(one.kind == "refund" and one.status == "failed" for one in self.reversals)

    def moves_to(self, status: str, at: int | None = None, outdated: bool = False) -> None:
        """Take what Stripe says, or said ``at`` a moment, unless more is known."""
        known = self.told_at
        older = outdated or bool(
            at and known and (at < known or (at == known and self.status == "failed"))
        )
        self.status = payment_status(self.status, status, older)
        if at and not older:
            self.told_at = at
        if not self.is_open and self.status != "failed":
            self.client_secret = None

    @classmethod
    def on_its_way(cls, installment_id: Any) -> Any:
        """Whether there is money under way for the instalment, as PostgreSQL finds it."""
        return db.exists().where(cls.installment_id == installment_id, cls.status == "processing")

    @classmethod
    def begun(cls, installment_id: Any) -> Any:
        """Whether somebody means to pay the instalment, as PostgreSQL finds it."""
        waits = (cls.status == "pending") & ~cls.superseded
        return db.exists().where(cls.installment_id == installment_id, waits)

    @classmethod
    def may_yet_come(cls) -> Any:
        """Whether money can come by it: also where it failed, its intent can be paid."""
        return db.or_(cls.is_open, cls.status == "failed")

    @classmethod
    def as_it_goes_out(cls) -> list[Any]:
        """The columns of an Outgoing."""
        return [getattr(cls, name) for name in Outgoing._fields]

    @query
    def outgoing(cls: Any, payment_id):
        return db.select(*cls.as_it_goes_out()).where(cls.id == payment_id)

    @query
    def offering(cls: Any, payment_id, new_intent, new_secret):
        """Write down where the payment can be made, unless more than that is known already."""
        untold = (cls.id == payment_id) & cls.intent_id.is_(None) & (cls.status == "pending")
        heard = db.exists().where(WebhookEvent.intent_id == new_intent, WebhookEvent.waits)
        told = db.update(cls).where(untold, ~heard, ~cls.superseded)
        # Whatever card was meant, the intent is without.
        return told.values(intent_id=new_intent, client_secret=new_secret, method=db.null())

    @query
    def one(cls: Any, id):
        return db.select(cls).where(cls.id == id)

    @classmethod
    def of_installment(cls, installment_id: UUID) -> list["Payment"]:
        """Those for the instalment that money could still come by, locked, as they are now."""
        found = db.select(cls).where(cls.installment_id == installment_id, cls.may_yet_come())
        now = found.order_by(cls.created_at).with_for_update()
        return list(db.session.scalars(now, execution_options={"populate_existing": True}))

    @classmethod
    def to_be_withdrawn(cls, installment_id: UUID, other_than: UUID) -> list[Any]:
        """Those that are not to be made any more, and that money could still come by: Outgoing."""
        found = db.select(*cls.as_it_goes_out()).where(
            cls.installment_id == installment_id,
            cls.id != other_than,
            cls.superseded,
            cls.may_yet_come(),
        )
        return list(db.session.execute(found))

    @classmethod
    def supersede(cls, installment_ids: Collection[UUID]) -> None:
        """Let no payment for these instalments be made any more: their rest has changed."""
        mine = cls.installment_id.in_(installment_ids)
        db.session.execute(db.update(cls).where(mine, cls.may_yet_come()).values(superseded=True))

    @classmethod
    def locked(cls, *conditions: Any) -> "Payment | None":
        """The payment, whose row is locked until the end of the transaction, as it is now."""
        found = db.select(cls).where(*conditions).with_for_update()
        return db.session.scalar(found, execution_options={"populate_existing": True})


class Reversal(Identified, Base):
    """A refund, asked for by us or made at Stripe, or a dispute."""

    __tablename__ = "payment_reversals"
    __table_args__ = (
        CheckConstraint("kind IN ('refund', 'dispute')", name="kind"),
        CheckConstraint("amount > 0", name="amount"),
        UniqueConstraint("provider_id"),
        Index(
            "ix_payment_reversals_asked",
            "created_at",
            postgresql_where=db.text("provider_id IS NULL AND status = 'requested'"),
        ),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"), index=True)
    kind: Mapped[str]
    provider_id: Mapped[str | None]  # None: asked for, and not heard of yet
    amount: Mapped[Decimal]
    status: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    def moves_to(self, status: str) -> None:
        self.status = taken_status(self.kind, self.status, status)

    @query
    def outgoing(cls: Any, reversal_id):
        """The columns of a Returning."""
        payment = (Payment.currency, Payment.intent_id)
        own = (cls.payment_id, cls.provider_id, cls.amount, cls.status, cls.created_at)
        asked = db.select(*payment, *own).join(Payment, Payment.id == cls.payment_id)
        return asked.where(cls.id == reversal_id)


class WebhookEvent(Base):
    """One event, by Stripe's id: counted once. Of its payload only the facts are kept."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        Index(
            "ix_webhook_events_waiting",
            "intent_id",
            postgresql_where=db.text("waits"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    version: Mapped[str | None]
    facts: Mapped[list[Any]] = mapped_column(JSONB)
    intent_id: Mapped[str | None]
    waits: Mapped[bool] = mapped_column(default=False)  # for its record to appear
    received_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)

    @classmethod
    def keep(cls, **values: Any) -> bool:
        """Store the event; no, where it is there already. A second delivery waits for the first."""
        new = insert(cls).values(**values, waits=False, received_at=clock.now())
        return bool(
            db.session.scalar(new.on_conflict_do_nothing(index_elements=["id"]).returning(cls.id))
        )

    @classmethod
    def is_old(cls) -> Any:
        """Whether Stripe has long given up sending it, and what it waits for will never come."""
        return cls.received_at < clock.now() - EVENTS_KEPT

    @classmethod
    def waiting_for(cls, intent_id: str) -> list["WebhookEvent"]:
        found = db.select(cls).where(cls.intent_id == intent_id, cls.waits)
        return list(db.session.scalars(found.order_by(cls.received_at)))


# What is taken back of an instalment's payment is no longer entered for it: there, whether any is.
figure("""
    SELECT 'received of payment ' || p.id, CASE p.status WHEN 'succeeded' THEN p.amount ELSE 0 END,
           coalesce(-sum(l.amount)
                    FILTER (WHERE l.account NOT IN ('stripe', 'refunds', 'disputes')), 0)
    FROM payments p LEFT JOIN ledger_entries e ON e.payment_id = p.id
    LEFT JOIN ledger_postings l ON l.entry_id = e.id
    WHERE p.donation_id IS NOT NULL OR p.status <> 'succeeded' GROUP BY p.id
""")
