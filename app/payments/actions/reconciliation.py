"""Asking about what was not heard of."""

from datetime import timedelta
from uuid import UUID

from ... import clock
from ...database.base import db
from ...errors import ApiError
from ...integrations import stripe_client
from ...integrations.stripe_client import Refused
from ...integrations.stripe_updates import Fact
from ..models import Payment, Reversal
from ..rules import UNFINISHED
from . import updates
from .intents import LISTED, PAYABLE, Collection
from .refunds import Refund

LOOK_BACK = timedelta(days=30)  # for refunds and disputes whose webhooks never came
LONGEST = timedelta(days=180)  # that a dispute goes on


def reconcile(payment_id: UUID) -> None:
    """Find out about a payment that is still open; nobody is charged.

    One that nobody made in a day is given up, as is one that is not to be made any more.
    """
    asked = Collection.of(payment_id)
    age = clock.now() - asked.created_at
    if asked.method and not asked.intent_id and age < LISTED:
        return  # whoever asked for it may still be waiting for the answer
    old = age > PAYABLE
    asked.write_down(asked.withdrawn() if old or asked.superseded else asked.seen())


def give_back(refund_id: UUID) -> ApiError | None:
    """Ask for a refund that was meant, and that nobody heard of; the refusal that ends it, if any.

    Raises Refused where there is not enough to give it back from: it is asked for again.
    """
    refund = Refund(refund_id)
    try:
        refund.ask()
    except Refused as refused:
        if isinstance(refused.refusal, stripe_client.InsufficientFunds):
            raise
        refund.give_up(refused)
        return refused.refusal
    return None


def follow_up(known: tuple[str, str]) -> None:
    """Find out how a refund or dispute goes on that was heard of."""
    updates.learn(stripe_client.reversal(*known))


def unsettled() -> list[UUID]:
    """Each payment that Stripe may know more of than we do."""
    found = db.select(Payment.id).where(Payment.may_yet_come())
    return list(db.session.scalars(found.order_by(Payment.created_at)))


def unanswered() -> list[UUID]:
    """Each refund that was asked for and has not been heard of."""
    found = db.select(Reversal.id).where(
        Reversal.provider_id.is_(None), Reversal.status == "requested"
    )
    return list(db.session.scalars(found.order_by(Reversal.created_at)))


def unfinished() -> list[tuple[str, str]]:
    """Each refund and dispute, by kind and Stripe's id, of which more is to be heard."""
    found = db.select(Reversal.kind, Reversal.provider_id).where(
        Reversal.provider_id.is_not(None),
        Reversal.status.in_(UNFINISHED),
        Reversal.created_at > clock.now() - LONGEST,
    )
    return [(kind, id) for kind, id in db.session.execute(found.order_by(Reversal.created_at))]


def begun_of_late(kind: str) -> list[Fact]:
    """Each refund or each dispute of late."""
    return list(stripe_client.reversals_since(kind, clock.now() - LOOK_BACK))
