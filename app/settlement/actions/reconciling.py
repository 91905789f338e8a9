"""Asking about what was not heard of."""

from datetime import timedelta
from uuid import UUID

from ... import clock, payments
from ...errors import ApiError
from ...extensions import db
from ...facts import Fact
from ...payments import Refused
from ..models import Payment, Reversal
from .asking import PAYABLE, Collection, Refund, Said

LOOK_BACK = timedelta(days=30)  # for refunds and disputes whose webhooks never came


def reconcile(payment_id: UUID) -> None:
    """Find out about a payment that is still open.

    One that nobody made in a day is given up, as is one that another was asked for instead of.
    """
    asked = Collection.of(payment_id)
    old = asked.created_at < clock.now() - PAYABLE
    if asked.superseded or (old and asked.intent_id):
        said = asked.withdrawn()
    elif asked.intent_id:
        said = Said(payments.retrieve(asked.intent_id))
    else:
        said = asked.ask()
    asked.write_down(said)


def give_back(refund_id: UUID) -> ApiError | None:
    """Ask for a refund that was meant, and that nobody heard of; the refusal that ends it, if any.

    Raises Refused where there is not enough to give it back from: it is asked for again.
    """
    refund = Refund(refund_id)
    try:
        refund.ask()
    except Refused as refused:
        if isinstance(refused.refusal, payments.InsufficientFunds):
            raise
        refund.give_up()
        return refused.refusal
    return None


def unsettled() -> list[UUID]:
    """Each payment that Stripe may know more of than we do."""
    found = db.select(Payment.id).where(
        db.or_(
            Payment.status == "pending", Payment.status == "processing", Payment.status == "failed"
        )
    )
    return list(db.session.scalars(found.order_by(Payment.created_at)))


def unanswered() -> list[UUID]:
    """Each refund that was asked for and has not been heard of."""
    found = db.select(Reversal.id).where(
        Reversal.provider_id.is_(None), Reversal.status == "requested"
    )
    return list(db.session.scalars(found.order_by(Reversal.created_at)))


def taken_back(kind: str) -> list[Fact]:
    """Each refund or dispute of late."""
    return list(payments.taken_back(kind, clock.now() - LOOK_BACK))
