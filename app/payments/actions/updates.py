"""Apply updates from Stripe to payments, and derive everything that depends on a payment."""

import logging
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func

from ... import clock
from ...database.base import db
from ...integrations import stripe_amounts
from ...integrations.stripe_updates import StripeUpdate
from ...integrations.stripe_webhooks import StripeEvent
from ...ledger.models import register_check
from ..models import Payment, PaymentSnapshot, Reversal, WebhookEvent
from ..rules import STATUS_FROM_STRIPE, has_returned_nothing, purpose_of
from . import mismatches

log = logging.getLogger(__name__)

Handler = Callable[[Payment, datetime], None]
HANDLERS: dict[str, Handler] = {}
RefundHandler = Callable[[Payment, Reversal], None]
REFUND_HANDLERS: dict[str, RefundHandler] = {}
# Starting an instalment's payment locks the row of the murabaha application before the payment's;
# the same order is used here, or the two would deadlock.
LOCKS_BEFORE_PAYMENT: dict[str, Callable[[UUID], Any]] = {}


def on_payment_updated(
    purpose: str, *, lock: Callable[[UUID], Any] = lambda _: None
) -> Callable[[Handler], Handler]:
    """Register the function that derives what depends on payments for ``purpose``.

    It is called with the payment's current state and the time of its last change, any number of
    times. ``lock`` takes the locks that precede the payment's own lock when such a payment is
    started.
    """

    def decorator(handler: Handler) -> Handler:
        HANDLERS[purpose], LOCKS_BEFORE_PAYMENT[purpose] = handler, lock
        return handler

    return decorator


def on_refunded(purpose: str) -> Callable[[RefundHandler], RefundHandler]:
    """Register the function to call, once, when a refund of a payment for ``purpose`` succeeds."""

    def decorator(handler: RefundHandler) -> RefundHandler:
        REFUND_HANDLERS[purpose] = handler
        return handler

    return decorator


def handle_event(event: StripeEvent) -> None:
    """Store ``event`` and apply its updates once; mark it unmatched if its payment is missing."""
    intent_id = event.updates[0].payment_intent_id if event.updates else None
    inserted = WebhookEvent.insert_once(
        id=event.id,
        type=event.type,
        version=event.version,
        updates=event.updates,
        intent_id=intent_id,
    )
    if inserted and not all(apply_update(update) for update in event.updates):
        must_exist(db.session.get(WebhookEvent, event.id)).unmatched = True


def apply_update(
    update: StripeUpdate,
    client_secret: str | None = None,
    payment_id: UUID | None = None,
    sent: PaymentSnapshot | None = None,
) -> bool:
    """Apply an update to its payment and everything derived from it.

    Return False if no payment matches. ``sent`` is the payment as it was sent to Stripe: the update
    is stale if the payment has changed since.
    """
    lock_payment_intents(update)
    payment = _find_and_lock_payment(update, sent.id if sent else payment_id)
    if payment is None:
        return False
    state = (payment.last_event_at, payment.status)
    stale = sent is not None and state != (sent.last_event_at, sent.status)
    changes = []
    if payment.intent_id is None:
        payment.intent_id = update.payment_intent_id
        for event in WebhookEvent.unmatched_for(update.payment_intent_id):
            event.unmatched = False
            for earlier in event.updates:
                changes.append(_merge(payment, StripeUpdate(**earlier)))
    payment.client_secret = payment.client_secret or client_secret
    changes.append(_merge(payment, update, stale))
    if payment.status == "pending" and update.status == "requires_payment_method":
        payment.payment_method_id = None  # the intent has no card
    update_dependents(payment, max(filter(None, changes), default=clock.now()))
    return True


def lock_payment_intents(*updates: StripeUpdate | None) -> None:
    """Serialize all transactions about the intents of ``updates``.

    Taken before every other lock, and in one order, so that no two transactions wait for each
    other.
    """
    for intent_id in sorted({update.payment_intent_id for update in updates if update}):
        lock = func.pg_advisory_xact_lock(func.hashtextextended(intent_id, 0))
        db.session.execute(db.select(lock))


def _find_and_lock_payment(update: StripeUpdate, payment_id: UUID | None) -> Payment | None:
    """Lock the payment of ``update``: by its intent, else by our own id in the metadata.

    Record an exception if our id is that of a record that does not exist, or has another intent.
    """
    payment = lock_payment(Payment.intent_id == update.payment_intent_id)
    if payment is None and payment_id is None and update.kind in ("intent", "charge"):
        payment_id = UUID(update.local_id) if update.local_id else None
    if payment is None and payment_id:
        payment = lock_payment(Payment.id == payment_id)
        if payment and payment.intent_id not in (None, update.payment_intent_id):
            log.warning("payment %s has another intent: %s", payment.id, update.payment_intent_id)
            mismatches.report_second_intent(payment, update)
            return None
    if payment is None and update.local_id:
        mismatches.report_unknown_object(update)
    return payment


def _merge(payment: Payment, update: StripeUpdate, stale: bool = False) -> datetime | None:
    """Merge ``update`` into ``payment``; record an exception for what does not fit.

    Return when the change happened that ``update`` reports, or None if it moved no money.
    """
    if update.currency != payment.currency:
        mismatches.report_currency_mismatch(payment, update)
        return None
    amount = stripe_amounts.from_stripe_amount(update.amount, update.currency)
    if update.kind == "intent":
        return _merge_intent(payment, update, amount, stale)
    if update.kind == "charge":
        has_changed = amount > payment.stripe_amount_refunded
        payment.stripe_amount_refunded = max(payment.stripe_amount_refunded, amount)
        payment.charge_id = payment.charge_id or update.charge_id
        return _time_of_change(update) if has_changed else None
    return _merge_reversal(payment, update, amount)


def _time_of_change(update: StripeUpdate) -> datetime:
    return update.changed_at or clock.now()


def _merge_intent(
    payment: Payment, update: StripeUpdate, amount: Decimal, stale: bool
) -> datetime | None:
    received = payment.amount_received
    if update.status == "succeeded":
        if amount != payment.amount:
            mismatches.report_amount_mismatch(payment, update)
        if not amount:
            return None
        payment.receive(amount, update.happened_at or clock.now(), update.charge_id)
    statuses = {payment.status, STATUS_FROM_STRIPE.get(update.status)}
    payment.apply_status(
        update.status, update.occurred_at, stale=stale, next_action=update.next_action
    )
    if statuses == {"cancelled", "succeeded"}:
        mismatches.report_late_success(payment, update)
    return _time_of_change(update) if payment.amount_received > received else None


def _merge_reversal(payment: Payment, update: StripeUpdate, amount: Decimal) -> datetime | None:
    known = next((known for known in payment.reversals if _is_about(update, known)), None)
    had_succeeded = known is not None and known.status == "succeeded"
    reversal = known or _add_reversal(payment, update, amount)
    is_new, taken_before = reversal.provider_id is None, reversal.taken_amount
    if is_new:
        reversal.status = update.status  # replaces our own 'requested'
    reversal.provider_id, reversal.amount = update.id, amount
    reversal.apply_status(update.status)
    if update.kind == "dispute":
        mismatches.report_dispute(payment, update, reversal)
    elif has_returned_nothing(update.status):
        mismatches.report_failed_refund(payment, update)
    elif reversal.status == "succeeded" and not had_succeeded:
        with db.session.no_autoflush:  # each row is written once, at the end
            REFUND_HANDLERS[purpose_of(payment)](payment, reversal)
    if reversal.taken_amount == taken_before:
        return None
    reversal.effective_at = (update.began_at if is_new else None) or _time_of_change(update)
    return reversal.effective_at


def _is_about(update: StripeUpdate, reversal: Reversal) -> bool:
    """Whether ``update`` is about this reversal, by Stripe's id or else by ours."""
    is_new = reversal.provider_id is None
    return update.id == reversal.provider_id or (is_new and update.local_id == str(reversal.id))


def _add_reversal(payment: Payment, update: StripeUpdate, amount: Decimal) -> Reversal:
    """Add a reversal that was not requested here."""
    if any(update.local_id == str(known.id) for known in payment.reversals):
        mismatches.report_second_refund(payment, update)
    elif update.local_id and update.kind == "refund":
        mismatches.report_unknown_object(update, payment)
    reversal = Reversal(kind=update.kind, amount=amount, status=update.status)
    payment.reversals.append(reversal)
    return reversal


def update_dependents(payment: Payment, changed_at: datetime) -> None:
    """Write what depends on ``payment`` (donation and totals, or instalments; ledger) and flush.

    ``changed_at`` is when the last change of its money happened.
    """
    with db.session.no_autoflush:  # each row is written once, at the end
        HANDLERS[purpose_of(payment)](payment, changed_at)
    db.session.flush()


def lock_payment(*conditions: Any) -> Payment | None:
    """Lock a payment, after the locks that precede its own when such a payment is started."""
    payment = Payment.get_for_update(*conditions, Payment.donation_id.is_not(None))
    if payment:
        return payment
    ids = (Payment.donation_id, Payment.installment_id, Payment.application_id)
    found = db.session.execute(db.select(*ids).where(*conditions)).one_or_none()
    if found:
        purpose_id = found.installment_id or found.application_id
        LOCKS_BEFORE_PAYMENT[purpose_of(found)](purpose_id)
    return Payment.get_for_update(*conditions)


def must_exist(row: Any) -> Any:
    """Return ``row``, whose existence a foreign key or an earlier step guarantees."""
    if row is None:
        raise LookupError("a row that is never deleted is missing")
    return row


# Consistency checks: each selects subject, stored and recomputed value


@register_check
def payments_received_check() -> str:
    # Payments for instalments are posted net of reversals, so of those only the unpaid are checked.
    return """
        SELECT 'received of payment ' || p.id,
               CASE p.status WHEN 'succeeded' THEN p.amount_received ELSE 0 END,
               coalesce(-sum(l.amount)
                        FILTER (WHERE l.account NOT IN ('stripe', 'refunds', 'disputes')), 0)
        FROM payments p LEFT JOIN ledger_entries e ON e.payment_id = p.id
        LEFT JOIN ledger_postings l ON l.entry_id = e.id
        WHERE p.donation_id IS NOT NULL OR p.status <> 'succeeded' GROUP BY p.id
    """
