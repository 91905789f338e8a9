"""The duty of a Hijri year: what is due, when, and in which year; it may be paid in advance.

Sources: at-Tawbah 60 (who receives zakat); Sunan Abi Dawud 1624 (payment in advance).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ...documents.rules.hijri import hijri_parts
from ...errors import ApiError, ValidationFailed
from ...messages import Fault, Message, Rule
from ...money import ZERO
from .hawl import hawl_is_complete

# Those who receive zakat, in the order of at-Tawbah 60.
RECIPIENTS = (
    "poor",
    "needy",
    "collectors",
    "reconciled_hearts",
    "captives",
    "debtors",
    "cause_of_allah",
    "travelers",
)
MAX_PAYMENTS = 120  # of one obligation
NOTHING_DUE = Fault("By this calculation no zakat is due in money.", Rule.NOT_ALLOWED)


class ObligationNotFound(ApiError):
    status, code, message = 404, "OBLIGATION_NOT_FOUND", Message("Obligation not found")


@dataclass(frozen=True)
class Duty:
    """What is due of a Hijri year."""

    hijri_year: int
    due: Decimal
    due_on: date


def find_duty(
    zakat_amount: Decimal,
    lines: Iterable[Mapping[str, Any]],
    hawl_completes_on: date | None,
    day: date,
    adjustment: int = 0,
) -> Duty:
    """Return the duty by a calculation of ``day``; before the hawl completes, what will be due.

    Raises ValidationFailed if nothing is due in money.
    """
    due_on = hawl_completes_on or day
    due = zakat_amount
    if not hawl_is_complete(hawl_completes_on, day):
        due = sum((Decimal(line["zakat"]) for line in lines), ZERO)
    if due <= ZERO:
        raise ValidationFailed.at(["calculationId"], NOTHING_DUE)
    year, _, _ = hijri_parts(due_on, adjustment)
    return Duty(year, due, due_on)
