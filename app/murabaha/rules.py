"""Murabaha: a sale at cost plus a profit that both sides know.

The client asks for goods; the institution buys them, owns them, and sells them on at a price that
is fixed for good and paid in instalments. Lateness earns it nothing. An early end may bring a
rebate (ibra'), which is a gift and never owed. Source: AAOIFI Shari'ah Standard 8 (Murabahah).
"""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from ..errors import ApiError, Forbidden, ValidationFailed
from ..money import ZERO, split_evenly, to_minor_unit
from ..payments.rules import InvalidTransition

OFFER_VALIDITY = timedelta(days=30)  # how long an approval stands
GRACE_PERIOD = timedelta(days=7)  # how late an instalment may be before it is overdue
TERM_RANGE = (6, 60)  # months
MAX_FIRST_DUE_MONTHS = 12  # months after the sale within which the first instalment is due


class VendorNotFound(ApiError):
    status, code, message = 404, "VENDOR_NOT_FOUND", "Vendor not found"


class ApplicationNotFound(ApiError):
    status, code, message = 404, "APPLICATION_NOT_FOUND", "Application not found"


class InstallmentNotFound(ApiError):
    status, code, message = 404, "INSTALLMENT_NOT_FOUND", "Installment not found"


class ApplicationNotPending(ApiError):
    status, code, message = 400, "APPLICATION_NOT_PENDING", "Cannot update non-pending application"


# The states


class Transition(NamedTuple):
    """One thing that may be done with an application."""

    from_state: str
    action: str
    actor: str  # owner, officer (never the owner), service
    to_state: str
    requires: str


TRANSITIONS = (
    Transition(
        "pending", "approve", "officer", "approved", "cost, profit and term are within bounds"
    ),
    Transition("pending", "reject", "officer", "rejected", "a reason is given"),
    Transition("pending", "cancel", "owner", "cancelled", "nothing"),
    Transition("approved", "acquire", "officer", "acquired", "the institution owns the goods"),
    Transition("approved", "cancel", "owner", "cancelled", "nothing has been sold"),
    Transition(
        "approved", "expire", "service", "expired", "30 days have passed since the approval"
    ),
    Transition("acquired", "accept", "owner", "active", "the offer still stands; this is the sale"),
    Transition("acquired", "cancel", "owner", "cancelled", "nothing has been sold"),
    Transition(
        "acquired", "expire", "service", "expired", "30 days have passed since the approval"
    ),
    Transition("active", "record", "officer", "active", "no more is paid than is left"),
    Transition("active", "pay", "owner", "active", "it is the oldest unpaid instalment"),
    Transition("active", "receive", "service", "active", "Stripe has the money"),
    Transition(
        "active", "settle", "officer", "active", "the rebate is within the profit still to come"
    ),
    Transition("active", "complete", "service", "completed", "nothing is left to pay"),
)
STATES = tuple(
    dict.fromkeys(state for step in TRANSITIONS for state in (step.from_state, step.to_state))
)
OFFERED = ("approved", "acquired")  # the states in which an offer can run out


def state_diagram() -> str:
    """The steps as a Mermaid diagram: those that lead to another state."""
    arrows = [
        f"    {step.from_state} --> {step.to_state}: {step.action} ({step.actor})"
        for step in TRANSITIONS
        if step.from_state != step.to_state
    ]
    return "\n".join(
        ["stateDiagram-v2", f"    [*] --> {TRANSITIONS[0].from_state}: apply (owner)", *arrows]
    )


def find_transition(state: str, action: str) -> Transition:
    """The step that ``action`` is in ``state``. Raises InvalidTransition."""
    for step in TRANSITIONS:
        if (step.from_state, step.action) == (state, action):
            return step
    targets = dict.fromkeys(
        step.to_state for step in TRANSITIONS if step.from_state == state != step.to_state
    )
    where = f"it can become {', '.join(targets)}" if targets else "it stays so"
    raise InvalidTransition(f"The application is {state}: {where}, and cannot be told to {action}")


def reversal_transition(state: str) -> Transition:
    """What a refund or dispute at Stripe does, whether anybody likes it or not: a debt is open."""
    return Transition(
        state, "take_back", "service", "active", "a payment was refunded or is disputed"
    )


def forbid_own_application(caller_id: Any, owner_id: Any) -> None:
    """Whoever applies does not decide: not about their own application, in any role."""
    if caller_id == owner_id:
        raise Forbidden


# The price


@dataclass(frozen=True)
class Price:
    """What the goods cost, and what they are sold for: fixed, and known to both."""

    cost: Decimal
    profit_rate: Decimal
    profit: Decimal
    selling_price: Decimal
    down_payment: Decimal
    financed: Decimal


def selling_price(
    cost: Decimal, profit_rate: Decimal, down_payment: Decimal, currency: str
) -> Price:
    """The price of goods that ``cost`` that much: the profit is flat, whatever the term."""
    price = to_minor_unit(cost * (1 + profit_rate), currency)
    if down_payment >= price:
        raise ValidationFailed.at(["downPayment"], "Must be less than the selling price.")
    return Price(cost, profit_rate, price - cost, price, down_payment, price - down_payment)


def require_rate(profit_rate: Decimal, most: Decimal) -> None:
    if profit_rate > most:
        raise ValidationFailed.at(["profitRate"], f"Must be at most {most}.")


# The schedule


class ScheduledInstallment(NamedTuple):
    """One instalment of a schedule."""

    number: int
    due_date: date
    amount: Decimal


def schedule(
    financed: Decimal, term_months: int, first_due_on: date, currency: str
) -> list[ScheduledInstallment]:
    """``financed`` in equal parts, a month apart; the larger ones first if they differ."""
    amounts = split_evenly(financed, term_months, currency)
    if amounts[-1] <= ZERO:
        raise ValidationFailed.at(["termMonths"], "Too many: an instalment would be nothing.")
    return [
        ScheduledInstallment(number + 1, months_after(first_due_on, number), amount)
        for number, amount in enumerate(amounts)
    ]


def months_after(day: date, months: int) -> date:
    """The same day ``months`` later, or the month's last where it has none such."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def first_due(today: date, asked: date | None) -> date:
    """When the first instalment is due: a month from ``today`` unless another day was asked for."""
    if asked is not None and not today <= asked <= months_after(today, MAX_FIRST_DUE_MONTHS):
        raise ValidationFailed.at(
            ["firstDueOn"], f"Must be within {MAX_FIRST_DUE_MONTHS} months from today."
        )
    return asked or months_after(today, 1)


def require_down_payment(down_payment: Decimal, requested: Decimal) -> None:
    if down_payment >= requested:
        raise ValidationFailed.at(["downPayment"], "Must be less than the requested amount.")


# Paying


class InstallmentBalance(NamedTuple):
    """An instalment as far as it stands: what it comes to, and what was paid of it."""

    number: int
    amount: Decimal
    paid: Decimal

    @property
    def outstanding(self) -> Decimal:
        return self.amount - self.paid


def outstanding(instalments: Iterable[InstallmentBalance]) -> Decimal:
    return sum((one.outstanding for one in instalments), ZERO)


def allocate_payment(
    amount: Decimal, instalments: Sequence[InstallmentBalance], number: int
) -> dict[int, Decimal]:
    """What ``amount`` pays of each instalment by number: the oldest first, never beyond the rest.

    Raises InvalidTransition where ``number`` is not the oldest that is unpaid.
    """
    unpaid = [one for one in instalments if one.outstanding > ZERO]
    if not unpaid or unpaid[0].number != number:
        oldest = f"the oldest unpaid instalment is {unpaid[0].number}" if unpaid else "all is paid"
        raise InvalidTransition(f"Instalment {number} cannot be paid now: {oldest}")
    if amount > outstanding(unpaid):
        raise ValidationFailed.at(["amount"], f"More than is left to pay: {outstanding(unpaid)}.")
    return allocate(amount, unpaid)


def allocate(amount: Decimal, instalments: Sequence[InstallmentBalance]) -> dict[int, Decimal]:
    """What ``amount`` pays of each instalment by number, the oldest first."""
    return _distribute(amount, [(one.number, one.outstanding) for one in instalments])


def deallocate(amount: Decimal, instalments: Sequence[InstallmentBalance]) -> dict[int, Decimal]:
    """What is no longer paid of each once ``amount`` was taken back, the last one first."""
    return _distribute(amount, [(one.number, one.paid) for one in reversed(instalments)])


def _distribute(amount: Decimal, places: Iterable[tuple[int, Decimal]]) -> dict[int, Decimal]:
    """``amount`` over ``places`` in their order, as far as each takes it; empty ones left out."""
    shares = {}
    for number, room in places:
        shares[number] = min(amount, room)
        amount -= shares[number]
    return {number: share for number, share in shares.items() if share}


def require_rebate(
    rebate: Decimal, profit: Decimal, financed: Decimal, left: Decimal, given: Decimal = ZERO
) -> None:
    """A rebate is at most the profit still to come: that of the part that is not paid, less what
    was ``given`` before."""
    most = profit * (left + given) / financed - given
    if rebate > max(ZERO, min(most, left)):
        raise ValidationFailed.at(["rebate"], "More than the profit that is still to come.")


def allocate_rebate(
    rebate: Decimal, instalments: Sequence[InstallmentBalance]
) -> dict[int, Decimal]:
    """What ``rebate`` takes off each instalment by number, the last one first."""
    return _distribute(rebate, [(one.number, one.outstanding) for one in reversed(instalments)])
