"""Rules of payments: how a status follows from updates that arrive in any order, or repeatedly.

Source: Stripe's documentation of the lifecycles of PaymentIntents, refunds and disputes.
"""

import unicodedata
from datetime import timedelta
from typing import Any

from ..errors import ApiError
from ..messages import Message

# Of an unpaid payment that its payer has not begun to pay: then it is cancelled at Stripe.
PAYMENT_TTL = timedelta(hours=24)

STATUSES = ("pending", "processing", "failed", "cancelled", "succeeded")
PAYABLE = ("pending", "processing", "failed")  # can still succeed

STATUS_FROM_STRIPE = {  # the status of an update about a PaymentIntent to a payment's
    "requires_payment_method": "pending",
    "requires_confirmation": "pending",
    "requires_action": "pending",
    "requires_capture": "pending",
    "processing": "processing",
    "failed": "failed",  # not Stripe's but ours: a payment_failed event or a card error
    "canceled": "cancelled",
    "succeeded": "succeeded",
}
# Statuses of a PaymentIntent that its payer has begun to pay: with a voucher, a bank transfer,
# microdeposits or 3-D Secure, or a card that is still to be captured. Stripe ends it.
BEGUN = ("requires_action", "requires_capture", "processing")
FINAL = ("cancelled", "succeeded")  # in order of precedence: a later one replaces an earlier one

NOTHING_RETURNED = ("failed", "canceled")  # statuses of a refund that returned nothing
LOST = "lost"  # of a dispute that took the money back: a chargeback
# In order of precedence: an inquiry, a closed inquiry (which may still become a dispute), a dispute
# that withholds money, a lost one, a won one.
DISPUTE_STAGES = (
    ("warning_needs_response", "warning_under_review"),
    ("warning_closed", "prevented"),
    ("needs_response", "under_review", "charge_refunded"),
    (LOST,),
    ("won",),
)
# Statuses of a reversal (a refund or dispute) that reconciliation fetches one by one; other changes
# arrive by webhook or in Stripe's lists of the last 30 days.
OPEN_REVERSAL_STATUSES = (
    "pending",
    "requires_action",
    *DISPUTE_STAGES[0],
    "needs_response",
    "under_review",
)
OPEN_REFUND_STATUSES = ("requested", "pending", "requires_action")  # it may still return money
FUNDS_WITHHELD = ("needs_response", "under_review", "charge_refunded", LOST)
INQUIRY_STATUSES = (*DISPUTE_STAGES[0], *DISPUTE_STAGES[1])

EXCEPTION_KINDS = (
    "amount_mismatch",
    "currency_mismatch",
    "wrong_mode",  # test instead of live, or the other way round
    "wrong_account",
    "paid_after_cancellation",
    "refund_failed",
    "dispute",
    "unknown_object",  # it names a record that does not exist
    "second_intent",  # money for a payment that has another PaymentIntent
    "owed_to_client",  # money beyond the contract that could not be refunded
    "fee_unknown",
    "payout_mismatch",  # a payout whose lines do not match our records or its amount
    "payout_failed",
    "ledger_difference",  # stored totals, sealed days or triggers differ from the ledger
    "other",
)
EXCEPTION_STATUSES = ("open", "resolved")

# Payouts to the institution's bank, in the order in which their statuses follow each other: one
# that is paid can still be returned by the bank.
PAYOUT_STATUSES = ("pending", "in_transit", "paid", "failed", "canceled")
PAYOUT_ON_ITS_WAY = PAYOUT_STATUSES[:2]
PAYOUT_RETURNED = PAYOUT_STATUSES[3:]

# What a movement of Stripe's balance is about: one of our payments, Stripe's own bill, a payout, a
# transfer from our bank, or none of these, which a person has to look at.
MATCHES = ("payment", "fee", "payout", "topup", "unmatched")
# Types of balance transactions. Source: Stripe's documentation of their types.
CHARGE_TYPES = ("charge", "payment")
REFUND_TYPES = (
    "refund",
    "refund_failure",
    "payment_refund",
    "payment_failure_refund",
    "payment_reversal",
)
FEE_TYPES = ("stripe_fee", "stripe_fx_fee", "tax_fee", "network_cost", "fee_credit_funding")
PAYOUT_TYPES = ("payout", "payout_cancel", "payout_failure")
TOPUP_TYPES = ("topup", "topup_reversal")


class PayoutNotFound(ApiError):
    status, code, message = 404, "PAYOUT_NOT_FOUND", Message("Payout not found")


class ExceptionNotFound(ApiError):
    status, code, message = 404, "EXCEPTION_NOT_FOUND", Message("Payment exception not found")


class DonationNotFound(ApiError):
    status, code, message = 404, "DONATION_NOT_FOUND", Message("Donation not found")


class InvalidTransition(ApiError):
    status, code, message = 409, "INVALID_TRANSITION", Message("Not allowed in the current state")


def purpose_of(payment: Any) -> str:
    """Return what ``payment`` is for: ``donation``, ``installment`` or ``down_payment``."""
    if payment.donation_id:
        return "donation"
    return "installment" if payment.installment_id else "down_payment"


def reference_key(*parts: str) -> str:
    """Return what is equal for references that differ only in case, width and spaces."""
    return "\n".join(
        " ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in parts
    )


def next_payment_status(current: str, stripe_status: str, stale: bool = False) -> str:
    """Return a payment's status after an update with the intent's ``stripe_status``.

    A final status is replaced only by one that takes precedence. A stale update counts only if it
    is final (``Payment.apply_status`` says when it is stale).
    """
    status = STATUS_FROM_STRIPE.get(stripe_status, current)
    if current in FINAL:
        rank = FINAL.index(status) if status in FINAL else -1
        return status if rank > FINAL.index(current) else current
    if status == "pending" and current == "failed":
        return current  # after a decline the intent can be paid again, but the failure is reported
    return current if stale and status not in FINAL else status


def has_returned_nothing(status: str) -> bool:
    """Whether a refund with this status has ended and returned nothing to the payer."""
    return status in NOTHING_RETURNED


def withholds_funds(status: str) -> bool:
    """Whether a dispute with this status withholds or has taken money."""
    return status in FUNDS_WITHHELD


def is_inquiry(status: str) -> bool:
    """Whether a dispute with this status is only a question of the bank: no money has moved."""
    return status in INQUIRY_STATUSES


def next_reversal_status(kind: str, current: str, status: str) -> str:
    """Return the status of a refund or dispute after an update with ``status``."""
    if kind == "refund":
        return current if has_returned_nothing(current) else status
    return status if _dispute_stage(status) >= _dispute_stage(current) else current


def _dispute_stage(status: str) -> int:
    return next((stage for stage, names in enumerate(DISPUTE_STAGES) if status in names), 0)


def next_payout_status(current: str, status: str) -> str:
    """Return a payout's status after an update with ``status``, which may be stale or unknown."""
    if status not in PAYOUT_STATUSES:
        return current
    return max(current, status, key=PAYOUT_STATUSES.index)


def match_by_type(type: str, *, has_payment: bool) -> str:
    """Return what a balance transaction of ``type`` is about."""
    by_type = {"fee": FEE_TYPES, "payout": PAYOUT_TYPES, "topup": TOPUP_TYPES}
    matches = (match for match, types in by_type.items() if type in types)
    return next(matches, "payment" if has_payment else "unmatched")
