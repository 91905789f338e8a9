"""Exceptions that updates from Stripe cause, each with what was done about it.

An update may come again, in another event or from reconciliation, and in any order: the key of an
exception is made of the object's id, and never of when it was reported.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ... import clock
from ...integrations.stripe_amounts import from_stripe_amount
from ...integrations.stripe_updates import StripeUpdate
from ...money import MINOR_UNITS, format_amount
from ..models import Payment, PaymentException, Reversal
from ..rules import has_returned_nothing, is_inquiry, purpose_of
from .exceptions import record_exception

DISPUTE_ENDINGS = {
    "won": "the dispute is won, and the money counts again.",
    "lost": "the dispute is lost: the money is booked as taken back.",
    "warning_closed": "the inquiry is closed; no money was withheld.",
}
PURPOSES = {
    "donation": "It is booked, and the donation counts toward its project.",
    "installment": "It is booked, and pays the oldest unpaid instalments; money beyond the contract"
    " is refunded.",
    "down_payment": "It is booked as a down payment; if there is no sale, it is refunded.",
}


def report_currency_mismatch(payment: Payment, update: StripeUpdate) -> None:
    """Record that ``update`` is in another currency than its payment."""
    _report(
        "currency_mismatch",
        update,
        f"Stripe reports the {update.kind} {update.id} of {_money_of(update)}, but the payment is"
        f" in {payment.currency}. It is not booked on the payment; the movement of"
        " Stripe's balance is booked as unmatched.",
        payment,
        status=update.status,
        **_deadline_of(update),
    )


def report_amount_mismatch(payment: Payment, update: StripeUpdate) -> None:
    """Record that Stripe has received another amount than the payment asks for."""
    is_booked = update.amount > 0
    _report(
        "amount_mismatch",
        update,
        f"Stripe has received {_money_of(update)} instead of"
        f" {_money(payment.amount, payment.currency)}."
        f" {'The amount received is booked.' if is_booked else 'Nothing is booked.'}",
        payment,
        requested=payment.amount,
    )


def report_late_success(payment: Payment, update: StripeUpdate) -> None:
    """Record that a payment has succeeded although it was cancelled."""
    record_exception(
        "paid_after_cancellation",
        update.id,
        f"{_money(payment.amount_received, payment.currency)} were paid although the payment was"
        f" cancelled. {PURPOSES[purpose_of(payment)]}",
        payment_id=payment.id,
        provider_reference=update.id,
        amount=payment.amount_received,
        currency=payment.currency,
        occurred_at=payment.paid_at,
    )


def report_dispute(payment: Payment, update: StripeUpdate, dispute: Reversal) -> None:
    """Record that the payer disputes the payment, once for the dispute's whole life.

    An inquiry is recorded by itself: it may become a dispute after staff have answered it.
    """
    if is_inquiry(dispute.status):
        key = f"{update.id} inquiry"
        message = (
            f"The payer's bank asks about {_money_of(update)}. Answer in Stripe's dashboard. No"
            " money is withheld; if it becomes a dispute, that is listed too."
        )
    else:
        key = update.id
        message = (
            f"The payer disputes {_money_of(update)}. Answer in Stripe's dashboard. While Stripe"
            " withholds the money it is booked as disputed; it counts again if the dispute is won."
        )
    facts = {"status": update.status, **_deadline_of(update)}
    _report("dispute", update, message, payment, key, **facts)
    if ending := DISPUTE_ENDINGS.get(dispute.status):
        message = f"{_money_of(update)}: {ending}"
        PaymentException.revise(f"dispute {key}", message, status=dispute.status)


def report_failed_refund(payment: Payment, update: StripeUpdate) -> None:
    """Record that a refund has returned nothing to the payer."""
    _report(
        "refund_failed",
        update,
        f"The refund of {_money_of(update)} is {update.status}: the payer has not received it. The"
        " amount is booked as received again. Return it in another way.",
        payment,
    )


def report_rejected_refund(payment: Payment, refund: Reversal) -> None:
    """Record that a requested refund was not made."""
    amount = _money(refund.amount, payment.currency)
    if refund.status == "canceled":
        message = f"The refund of {amount} was not made: it has been refunded or is disputed."
    else:
        message = f"Stripe rejected the refund of {amount}: the payer has not received it."
    record_exception(
        "refund_failed",
        str(refund.id),
        message,
        payment_id=payment.id,
        provider_reference=payment.intent_id,
        amount=refund.amount,
        currency=payment.currency,
        occurred_at=clock.now(),
        facts={"refundId": str(refund.id)},
    )


def report_second_refund(payment: Payment, update: StripeUpdate) -> None:
    """Record that Stripe has made another refund for a request that has one already."""
    _report(
        "other",
        update,
        f"Stripe made {update.id} of {_money_of(update)} for a refund that was made before. Both"
        " are booked.",
        payment,
    )


def report_second_intent(payment: Payment, update: StripeUpdate) -> None:
    """Record money for a payment that has another PaymentIntent."""
    if _has_moved_money(update):
        _report(
            "second_intent",
            update,
            f"{update.payment_intent_id} names a payment that has the PaymentIntent"
            f" {payment.intent_id}. Its {_money_of(update)} are not booked: refund them at Stripe.",
            payment,
            paymentIntent=update.payment_intent_id,
        )


def report_unknown_object(update: StripeUpdate, payment: Payment | None = None) -> None:
    """Record money of an object whose metadata name a record that does not exist.

    A refund of a known ``payment`` is booked nevertheless.
    """
    if _has_moved_money(update):
        record = "refund" if update.kind == "refund" else "payment"
        _report(
            "unknown_object",
            update,
            f"The {update.kind} {update.id} of {_money_of(update)} names our {record}"
            f" {update.local_id}, which does not exist here, but in another system or a lost"
            f" database. It is {'booked as a refund.' if payment else 'not booked.'}",
            payment,
            paymentIntent=update.payment_intent_id,
        )


def _has_moved_money(update: StripeUpdate) -> bool:
    if update.kind == "refund":
        return not has_returned_nothing(update.status)
    return update.kind != "intent" or update.status == "succeeded"


def _report(
    kind: str,
    update: StripeUpdate,
    message: str,
    payment: Payment | None = None,
    key: str | None = None,
    **facts: Any,
) -> None:
    """Record an exception about ``update``; ``key`` is the id of its object by default."""
    if update.reason:
        facts["reason"] = update.reason
    record_exception(
        kind,
        key or update.id,
        message,
        payment_id=payment.id if payment else None,
        provider_reference=update.id,
        amount=_amount_of(update),
        currency=update.currency,
        occurred_at=update.happened_at,
        facts=facts,
    )


def _deadline_of(update: StripeUpdate) -> dict[str, str]:
    if not update.due_by:
        return {}
    return {"dueBy": f"{datetime.fromtimestamp(update.due_by, UTC):%Y-%m-%dT%H:%M:%SZ}"}


def _amount_of(update: StripeUpdate) -> Decimal | None:
    """Return the amount; None in a currency whose units we do not know."""
    if update.currency not in MINOR_UNITS:
        return None
    return from_stripe_amount(update.amount, update.currency)


def _money_of(update: StripeUpdate) -> str:
    amount = _amount_of(update)
    if amount is None:
        return f"{update.amount} units of {update.currency}"
    return _money(amount, update.currency)


def _money(amount: Decimal, currency: str) -> str:
    return f"{currency} {format_amount(amount, currency)}"
