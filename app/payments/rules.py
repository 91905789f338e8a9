"""How what is known of a payment grows: messages come at least once and in any order.

Sources: Stripe's documentation of the lives of PaymentIntents, refunds and disputes.
"""

from ..errors import ApiError

STATUSES = ("pending", "processing", "failed", "cancelled", "succeeded")
OPEN = ("pending", "processing")  # can still be paid, and count towards a goal

STATUS_FROM_STRIPE = {  # Stripe's words for a PaymentIntent's status, in ours
    "requires_payment_method": "pending",
    "requires_confirmation": "pending",
    "requires_action": "pending",
    "requires_capture": "pending",
    "processing": "processing",
    "failed": "failed",
    "canceled": "cancelled",
    "succeeded": "succeeded",
}
FINAL = ("cancelled", "succeeded")  # in order: success is never undone, and undoes the others

FAILED_REFUND = ("failed", "canceled")  # a refund that came to nothing: the money is here again
# How far a dispute has come: an inquiry, one that is closed but may still become more, holding
# money, over. Won is the last word.
DISPUTE_STAGES = (
    ("warning_needs_response", "warning_under_review"),
    ("warning_closed", "prevented"),
    ("needs_response", "under_review", "charge_refunded"),
    ("lost",),
    ("won",),
)
# Refunds and disputes of which more is to be heard.
OPEN_REVERSAL = ("pending", "requires_action", *DISPUTE_STAGES[0], "needs_response", "under_review")
FUNDS_WITHHELD = ("needs_response", "under_review", "charge_refunded", "lost")


class InvalidTransition(ApiError):
    status, code, message = 409, "INVALID_TRANSITION", "This cannot be done now"


def next_payment_status(known: str, said: str, older: bool = False) -> str:
    """What a payment's status is once Stripe said ``said`` of it, in its own words.

    Where that is ``older`` than what is known, or as old, only the last word of all counts.
    """
    told = STATUS_FROM_STRIPE.get(said, known)
    if known in FINAL:
        return told if FINAL.index(known) < (FINAL.index(told) if told in FINAL else -1) else known
    if told == "pending" and known == "failed":
        return known  # a decline leaves the intent open, in which somebody may try again
    return known if older and told not in FINAL else told


def is_failed_refund(status: str) -> bool:
    """Whether a refund of this status gave nothing back in the end."""
    return status in FAILED_REFUND


def withholds_funds(status: str) -> bool:
    """Whether a dispute of this status holds money, or has taken it."""
    return status in FUNDS_WITHHELD


def next_reversal_status(kind: str, known: str, said: str) -> str:
    """What the status of a refund or dispute is once Stripe said ``said`` of it."""
    if kind == "refund":
        return known if is_failed_refund(known) else said
    return said if _dispute_stage(said) >= _dispute_stage(known) else known


def _dispute_stage(status: str) -> int:
    return next((n for n, names in enumerate(DISPUTE_STAGES) if status in names), 0)
