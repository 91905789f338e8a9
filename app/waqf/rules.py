"""Waqf: what people give to a purpose, for good.

A project has a goal and takes donations (of the waqif, who gives) until that is met. Money that
was given to one purpose is never moved to another, so each project is a fund of its own.
"""

from decimal import Decimal
from typing import NamedTuple

from ..errors import ApiError
from ..money import MAX_DIGITS, MINOR_UNITS, ZERO

CATEGORIES = ("education", "healthcare", "mosque", "water", "orphanage", "general")
STATUSES = ("pending", "succeeded", "failed", "cancelled", "refunded")


class ProjectNotFound(ApiError):
    status, code, message = 404, "PROJECT_NOT_FOUND", "Project not found"


class DonationNotFound(ApiError):
    status, code, message = 404, "DONATION_NOT_FOUND", "Donation not found"


class ProjectInactive(ApiError):
    status, code, message = 400, "PROJECT_INACTIVE", "Project is not accepting donations"


class GoalMet(ApiError):
    status, code, message = 400, "GOAL_MET", "Project funding goal already met"


def most_raised(currency: str) -> Decimal:
    """What no project's figures may reach: more would not be exact for every client."""
    return Decimal(10) ** (MAX_DIGITS - MINOR_UNITS[currency])


class Standing(NamedTuple):
    """How a donation stands, as far as its payment is known."""

    status: str
    refunded: Decimal
    held: Decimal  # by a dispute


def standing(payment_status: str, amount: Decimal, refunded: Decimal, held: Decimal) -> Standing:
    """A donation whose payment stands like this; wholly refunded, it is no longer one."""
    status = {"processing": "pending"}.get(payment_status, payment_status)
    if status == "succeeded" and refunded == amount:
        status = "refunded"
    return Standing(status, refunded, held)


def counted(status: str, amount: Decimal, refunded: Decimal, held: Decimal) -> Decimal:
    """What of a donation its project has raised."""
    return amount - refunded - held if status in ("succeeded", "refunded") else ZERO
