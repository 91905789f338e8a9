"""Rules of waqf: permanent gifts for a purpose.

A project accepts donations, each from a waqif (donor), until its goal is met. Money given for one
purpose is never moved to another, so each project has a separate fund.
"""

from decimal import Decimal
from typing import NamedTuple

from ..errors import ApiError
from ..messages import Message
from ..money import MAX_DIGITS, MINOR_UNITS, ZERO

CATEGORIES = ("education", "healthcare", "mosque", "water", "orphanage", "general")
CHANNELS = ("stripe", "offline")
DEDICATION_KINDS = ("on_behalf", "in_memory", "in_honor")
SORTS = ("-createdAt", "createdAt", "-amount", "amount")
ENTRY_KINDS = (
    "donation",
    "refund",
    "dispute",  # withheld or taken by a dispute
    "dispute_won",  # given back by it
    "disbursement",
    "reversal",  # of a donation or disbursement that was recorded by mistake or did not last
)
STATUSES = ("pending", "succeeded", "failed", "cancelled", "refunded")


class ProjectNotFound(ApiError):
    status, code, message = 404, "PROJECT_NOT_FOUND", Message("Project not found")


class ReceiptNotFound(ApiError):
    status, code, message = 404, "RECEIPT_NOT_FOUND", Message("Receipt not found")


class ProjectInactive(ApiError):
    status, code, message = 400, "PROJECT_INACTIVE", Message("Project is not accepting donations")


class GoalMet(ApiError):
    status, code, message = 400, "GOAL_MET", Message("Project funding goal already met")


class FundInsufficient(ApiError):
    status, code, message = 409, "FUND_INSUFFICIENT", Message("The fund does not hold this amount")


def total_limit(currency: str) -> Decimal:
    """Return the limit that a project's total must stay below.

    Below it, every amount is exact in an IEEE 754 double.
    """
    return Decimal(10) ** (MAX_DIGITS - MINOR_UNITS[currency])


class DonationState(NamedTuple):
    """What a donation derives from its payment."""

    status: str
    refunded: Decimal
    disputed: Decimal


def donation_state(
    payment_status: str,
    received: Decimal,
    refunded: Decimal,
    disputed: Decimal,
    charged_back: Decimal,
) -> DonationState:
    """Derive a donation's state from its payment.

    It is ``refunded`` once refunds and lost disputes (``charged_back``, a part of ``disputed``)
    have taken back all that was received. Money that an open dispute withholds is not lost.
    """
    status = {"processing": "pending"}.get(payment_status, payment_status)
    if status == "succeeded" and refunded + charged_back == received:
        status = "refunded"
    return DonationState(status, refunded, disputed)


def countable_amount(
    status: str, received: Decimal, refunded: Decimal, disputed: Decimal
) -> Decimal:
    """Return the part of a donation that counts as raised for its project."""
    return received - refunded - disputed if status in ("succeeded", "refunded") else ZERO


def held_amount(status: str, amount: Decimal, stored: Decimal | None) -> Decimal:
    """Return the part of a donation that is pledged: only a pending one holds anything.

    ``stored`` is None for a donation of the release that did not store it.
    """
    if status != "pending":
        return ZERO
    return amount if stored is None else stored
