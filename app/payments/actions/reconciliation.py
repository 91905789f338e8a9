"""Fetch payments, refunds and disputes from Stripe whose webhooks may not have arrived."""

from datetime import timedelta
from uuid import UUID

from ... import clock
from ...database.base import db
from ...errors import ApiError
from ...integrations import stripe_client
from ...integrations.stripe_client import StripeRejected, UnreadableObject
from ...integrations.stripe_updates import StripeUpdate
from ..models import Payment, Reversal
from ..rules import OPEN_REVERSAL_STATUSES, PAYMENT_TTL
from .exceptions import record_exception
from .intents import LIST_CONSISTENCY_DELAY, PaymentOperation
from .refunds import RefundOperation
from .updates import apply_update

LOOK_BACK = timedelta(days=30)  # for refunds and disputes whose webhooks never arrived
MAX_REVERSAL_AGE = timedelta(days=180)


def reconcile_payment(payment_id: UUID) -> None:
    """Apply Stripe's state of a payable payment; never charges a card.

    Cancels a payment that its payer has not begun to pay within PAYMENT_TTL, or that has been
    superseded before that.
    """
    operation = PaymentOperation.load(payment_id)
    age = clock.now() - operation.created_at
    unsent_card = operation.payment_method_id and not operation.intent_id
    if unsent_card and age < LIST_CONSISTENCY_DELAY:
        return  # the client's request may still be running
    if age > PAYMENT_TTL or operation.superseded:
        operation.record_result(operation.give_up())
    else:
        operation.record_result(operation.fetch_or_create_intent())


def retry_refund(refund_id: UUID) -> ApiError | None:
    """Submit a requested refund again; return the error if Stripe rejects it for good.

    Raises StripeRejected if the institution's balance at Stripe does not cover the refund,
    which then stays requested.
    """
    refund = RefundOperation(refund_id)
    try:
        refund.submit()
    except StripeRejected as rejected:
        if isinstance(rejected.error, stripe_client.InsufficientFunds):
            raise
        refund.record_rejection(rejected)
        return rejected.error
    return None


def refresh_reversal(kind: str, provider_id: str) -> None:
    """Fetch a refund or dispute from Stripe and apply its state."""
    apply_update(stripe_client.retrieve_reversal(kind, provider_id))


def payable_payments() -> list[UUID]:
    """List the payable payments, oldest first."""
    query = db.select(Payment.id).where(Payment.is_payable())
    return list(db.session.scalars(query.order_by(Payment.created_at)))


def unconfirmed_refunds() -> list[UUID]:
    """List the requested refunds that Stripe has not confirmed, oldest first."""
    query = db.select(Reversal.id).where(
        Reversal.provider_id.is_(None), Reversal.status == "requested"
    )
    return list(db.session.scalars(query.order_by(Reversal.created_at)))


def open_reversals() -> list[tuple[str, str]]:
    """List kind and Stripe's id of the refunds and disputes with one of OPEN_REVERSAL_STATUSES."""
    query = db.select(Reversal.kind, Reversal.provider_id).where(
        Reversal.provider_id.is_not(None),
        Reversal.status.in_(OPEN_REVERSAL_STATUSES),
        Reversal.created_at > clock.now() - MAX_REVERSAL_AGE,
    )
    rows = db.session.execute(query.order_by(Reversal.created_at))
    return [(kind, provider_id) for kind, provider_id in rows]


def recent_reversals(kind: str) -> list[StripeUpdate | UnreadableObject]:
    """List Stripe's refunds or disputes of the last LOOK_BACK."""
    return list(stripe_client.list_reversals(kind, clock.now() - LOOK_BACK))


def apply_recent_reversal(reversal: StripeUpdate | UnreadableObject) -> None:
    """Apply a refund or dispute of ``recent_reversals``; record one that cannot be read."""
    if isinstance(reversal, StripeUpdate):
        apply_update(reversal)
        return
    record_exception(
        "other",
        f"{reversal.id} is unreadable",
        f"The {reversal.kind} {reversal.id} has an unknown form, and is not booked.",
        provider_reference=reversal.id,
    )
