"""Rules of murabaha: a sale at cost plus a profit that both parties know.

The client applies for goods; the institution buys them, owns them, and sells them to the client at
a fixed price, paid in instalments. Late payment is never charged for. On early settlement the
institution may grant a rebate (ibra'), but does not owe one.

Source: AAOIFI Shari'ah Standard 8 (Murabahah).
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

OFFER_VALIDITY = timedelta(days=30)  # of an approval
MAX_PENDING = 50  # applications of a client
GRACE_PERIOD = timedelta(days=7)  # before a late instalment is overdue
TERM_RANGE = (6, 60)  # months
MAX_FIRST_DUE_MONTHS = 12  # months from the sale to the first due date


class VendorNotFound(ApiError):
    status, code, message = 404, "VENDOR_NOT_FOUND", "Vendor not found"


class ApplicationNotFound(ApiError):
    status, code, message = 404, "APPLICATION_NOT_FOUND", "Application not found"


class InstallmentNotFound(ApiError):
    status, code, message = 404, "INSTALLMENT_NOT_FOUND", "Installment not found"


class ApplicationNotPending(ApiError):
    status, code, message = 400, "APPLICATION_NOT_PENDING", "Cannot update non-pending application"


# States and transitions


class Transition(NamedTuple):
    """An action that is allowed in a state, and the state that it leads to."""

    from_state: str
    action: str
    actor: str  # owner, officer (never the owner) or service
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
    Transition("acquired", "accept", "owner", "active", "the offer has not expired"),
    Transition("acquired", "cancel", "owner", "cancelled", "nothing has been sold"),
    Transition(
        "acquired", "expire", "service", "expired", "30 days have passed since the approval"
    ),
    Transition("active", "record", "officer", "active", "the amount does not exceed the balance"),
    Transition("active", "pay", "owner", "active", "the instalment is the oldest unpaid one"),
    Transition("active", "receive", "service", "active", "Stripe has received the money"),
    Transition(
        "active", "settle", "officer", "active", "the rebate is at most the profit still to come"
    ),
    Transition("active", "complete", "service", "completed", "nothing is outstanding"),
)
STATES = tuple(
    dict.fromkeys(
        state
        for transition in TRANSITIONS
        for state in (transition.from_state, transition.to_state)
    )
)
OFFERED = ("approved", "acquired")  # states in which the offer can expire
BEFORE_SALE = ("pending", *OFFERED)


def state_diagram() -> str:
    """Return a Mermaid diagram of the transitions that change the state."""
    arrows = [
        f"    {transition.from_state} --> {transition.to_state}:"
        f" {transition.action} ({transition.actor})"
        for transition in TRANSITIONS
        if transition.from_state != transition.to_state
    ]
    return "\n".join(
        ["stateDiagram-v2", f"    [*] --> {TRANSITIONS[0].from_state}: apply (owner)", *arrows]
    )


def find_transition(state: str, action: str) -> Transition:
    """Return the transition for ``action`` in ``state``.

    Raises InvalidTransition, which names the actions of users and the states that are possible.
    """
    possible = [transition for transition in TRANSITIONS if transition.from_state == state]
    for transition in possible:
        if transition.action == action:
            return transition
    actions = [transition.action for transition in possible if transition.actor != "service"]
    states = dict.fromkeys(transition.to_state for transition in possible)
    states.pop(state, None)
    raise InvalidTransition(
        f"Cannot {action}: the application is {state}."
        f" Allowed next: {', '.join(actions) or 'none'}."
        f" Next states: {', '.join(states) or 'none'}."
    )


def reversal_transition(state: str) -> Transition:
    """Return the transition for a refund or dispute at Stripe: the sale is, or again is, active.

    It is allowed in every state, because Stripe has moved the money already.
    """
    return Transition(
        state, "take_back", "service", "active", "a payment was refunded or is disputed"
    )


def forbid_own_application(caller_id: Any, owner_id: Any) -> None:
    """Raise Forbidden if the applicant decides on their own application, in any role."""
    if caller_id == owner_id:
        raise Forbidden


# The price


@dataclass(frozen=True)
class Price:
    """Cost, profit and selling price of the goods: fixed, and known to both parties."""

    cost: Decimal
    profit_rate: Decimal
    profit: Decimal
    selling_price: Decimal
    down_payment: Decimal
    financed: Decimal


def selling_price(
    cost: Decimal, profit_rate: Decimal, down_payment: Decimal, currency: str
) -> Price:
    """Return the price of goods that cost ``cost``. The profit does not depend on the term.

    Raises ValidationFailed unless the down payment is less than the selling price.
    """
    price = to_minor_unit(cost * (1 + profit_rate), currency)
    if down_payment >= price:
        raise ValidationFailed.at(["downPayment"], "Must be less than the selling price.")
    return Price(cost, profit_rate, price - cost, price, down_payment, price - down_payment)


def require_rate(profit_rate: Decimal, maximum: Decimal) -> None:
    """Raise ValidationFailed if the profit rate exceeds ``maximum``."""
    if profit_rate > maximum:
        raise ValidationFailed.at(["profitRate"], f"Must be at most {maximum}.")


# The schedule


class ScheduledInstallment(NamedTuple):
    """An instalment of a schedule."""

    number: int
    due_date: date
    amount: Decimal


def schedule(
    financed: Decimal, term_months: int, first_due_on: date, currency: str
) -> list[ScheduledInstallment]:
    """Split ``financed`` into monthly instalments, equal or the larger ones first.

    Raises ValidationFailed if an instalment would be 0.
    """
    amounts = split_evenly(financed, term_months, currency)
    if amounts[-1] <= ZERO:
        raise ValidationFailed.at(["termMonths"], "Too many: an instalment would be 0.")
    return [
        ScheduledInstallment(number + 1, months_after(first_due_on, number), amount)
        for number, amount in enumerate(amounts)
    ]


def months_after(day: date, months: int) -> date:
    """Return the same day ``months`` later, or the month's last day if it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def first_due(
    today: date,
    requested: date | None,
    earliest_today: date | None = None,
    latest_today: date | None = None,
) -> date:
    """Return the first due date: the ``requested`` one, or a month from ``today``.

    Raises ValidationFailed unless it is within MAX_FIRST_DUE_MONTHS of the date where the client
    is: from ``earliest_today`` to ``latest_today``, both ``today`` by default.
    """
    latest = months_after(latest_today or today, MAX_FIRST_DUE_MONTHS)
    if requested is not None and not (earliest_today or today) <= requested <= latest:
        raise ValidationFailed.at(
            ["firstDueOn"], f"Must be within {MAX_FIRST_DUE_MONTHS} months from today."
        )
    return requested or months_after(today, 1)


def require_down_payment(down_payment: Decimal, requested_amount: Decimal) -> None:
    """Raise ValidationFailed unless the down payment is less than the requested amount."""
    if down_payment >= requested_amount:
        raise ValidationFailed.at(["downPayment"], "Must be less than the requested amount.")


# Payments


class InstallmentBalance(NamedTuple):
    """What is due for an instalment after rebates, and what has been paid."""

    number: int
    amount: Decimal
    paid: Decimal

    @property
    def outstanding(self) -> Decimal:
        return self.amount - self.paid


def outstanding(installments: Iterable[InstallmentBalance]) -> Decimal:
    """Return the outstanding balance of all ``installments``."""
    return sum((installment.outstanding for installment in installments), ZERO)


def allocate_payment(
    amount: Decimal, installments: Sequence[InstallmentBalance], number: int
) -> dict[int, Decimal]:
    """Allocate a payment for instalment ``number`` to it and those after it, by number.

    Raises InvalidTransition if ``number`` is not the oldest unpaid instalment, and ValidationFailed
    if ``amount`` exceeds the outstanding balance.
    """
    unpaid = [installment for installment in installments if installment.outstanding > ZERO]
    if not unpaid:
        raise InvalidTransition(f"Cannot pay instalment {number}: all instalments are paid.")
    oldest = unpaid[0].number
    if oldest != number:
        reason = f"the oldest unpaid instalment is {oldest}"
        raise InvalidTransition(f"Cannot pay instalment {number}: {reason}. Pay that one first.")
    if amount > outstanding(unpaid):
        raise ValidationFailed.at(["amount"], f"More than is left to pay: {outstanding(unpaid)}.")
    return allocate(amount, unpaid)


def allocate(amount: Decimal, installments: Sequence[InstallmentBalance]) -> dict[int, Decimal]:
    """Allocate a payment to the instalments by number, the oldest first."""
    return _distribute(
        amount, [(installment.number, installment.outstanding) for installment in installments]
    )


def deallocate(amount: Decimal, installments: Sequence[InstallmentBalance]) -> dict[int, Decimal]:
    """Return what a reversal of ``amount`` takes from each instalment by number, the last first."""
    return _distribute(
        amount, [(installment.number, installment.paid) for installment in reversed(installments)]
    )


def _distribute(amount: Decimal, limits: Iterable[tuple[int, Decimal]]) -> dict[int, Decimal]:
    """Distribute ``amount`` in the order of ``limits``, up to each one; leave out empty shares."""
    shares = {}
    for number, limit in limits:
        shares[number] = min(amount, limit)
        amount -= shares[number]
    return {number: share for number, share in shares.items() if share}


def require_rebate(
    rebate: Decimal,
    profit: Decimal,
    financed: Decimal,
    balance: Decimal,
    earlier_rebates: Decimal = ZERO,
) -> None:
    """Raise ValidationFailed if the rebate exceeds the profit still to come.

    That is the unpaid part's share of the profit, less earlier rebates, and at most the
    outstanding ``balance``.
    """
    maximum = profit * (balance + earlier_rebates) / financed - earlier_rebates
    if rebate > max(ZERO, min(maximum, balance)):
        raise ValidationFailed.at(["rebate"], "More than the profit that is still to come.")


def allocate_rebate(
    rebate: Decimal, installments: Sequence[InstallmentBalance]
) -> dict[int, Decimal]:
    """Return what ``rebate`` takes off each instalment by number, the last one first."""
    return _distribute(
        rebate,
        [(installment.number, installment.outstanding) for installment in reversed(installments)],
    )
