"""The price of a sale, and its schedule."""

from calendar import monthrange
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from ...errors import ValidationFailed
from ...messages import Fault, Rule
from ...money import ZERO, split_evenly, to_minor_unit

TERM_RANGE = (6, 60)  # months
MAX_FIRST_DUE_MONTHS = 12  # months from the sale to the first due date
PLAUSIBLE_COST = 5  # times the requested amount: a higher cost has to be confirmed
PLAUSIBLE_AGE = timedelta(days=365)  # of goods at the application: an older purchase likewise


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
        raise ValidationFailed.at(
            ["downPayment"],
            Fault(
                "Must be less than the selling price, {exclusiveMax}.",
                Rule.TOO_LARGE,
                exclusiveMax=price,
            ),
        )
    return Price(cost, profit_rate, price - cost, price, down_payment, price - down_payment)


def require_rate(profit_rate: Decimal, maximum: Decimal) -> None:
    """Raise ValidationFailed if the profit rate exceeds ``maximum``."""
    if profit_rate > maximum:
        raise ValidationFailed.at(
            ["profitRate"], Fault("Must be at most {max}.", Rule.TOO_LARGE, max=maximum)
        )


def price_by_invoice(price: Price, invoice_amount: Decimal, currency: str) -> Price:
    """Return ``price`` at the true cost: that of the vendor's invoice, with the same profit rate.

    Cost, profit and selling price fall in proportion; the down payment stays. Raises
    ValidationFailed if the invoice exceeds the cost that the client was offered, or if the new
    price does not exceed the down payment.

    Source: AAOIFI Shari'ah Standard 8 (Murabahah): the customer benefits from a discount that the
    supplier grants to the institution.
    """
    if invoice_amount > price.cost:
        raise ValidationFailed.at(
            ["invoiceAmount"],
            Fault(
                "Must be at most the cost of the offer, {max}: withdraw the offer to approve a"
                " higher one.",
                Rule.TOO_LARGE,
                max=price.cost,
            ),
        )
    lower = to_minor_unit(invoice_amount * (1 + price.profit_rate), currency)
    if lower <= price.down_payment:
        raise ValidationFailed.at(
            ["invoiceAmount"],
            Fault(
                "The selling price, {price}, would not exceed the down payment: withdraw the offer"
                " to approve another.",
                Rule.TOO_SMALL,
                price=lower,
            ),
        )
    return selling_price(invoice_amount, price.profit_rate, price.down_payment, currency)


def require_plausible_cost(cost: Decimal, requested_amount: Decimal) -> None:
    """Raise ValidationFailed if the cost is far above the requested amount."""
    plausible = requested_amount * PLAUSIBLE_COST
    if cost > plausible:
        raise ValidationFailed.at(
            ["cost"],
            Fault(
                "Is more than {factor} times the requested amount, {requested}. If it is right,"
                " send {field}: true.",
                Rule.TOO_LARGE,
                field="confirmCost",
                max=plausible,
                factor=PLAUSIBLE_COST,
                requested=requested_amount,
            ),
        )


def require_plausible_day(acquired_on: date, applied_on: date) -> None:
    """Raise ValidationFailed if the goods were bought long before the client applied for them."""
    earliest = applied_on - PLAUSIBLE_AGE
    if acquired_on < earliest:
        raise ValidationFailed.at(
            ["acquiredOn"],
            Fault(
                "Is more than {days} days before the application. If it is right, send"
                " {field}: true.",
                Rule.TOO_EARLY,
                field="confirmAcquiredOn",
                min=earliest,
                days=PLAUSIBLE_AGE.days,
            ),
        )


# The schedule


class ScheduledInstallment(NamedTuple):
    """An instalment of a schedule."""

    number: int
    due_date: date
    amount: Decimal


def schedule(
    financed: Decimal,
    term_months: int,
    first_due_on: date,
    currency: str,
    *,
    step: Decimal | None = None,
    minimum: Decimal = ZERO,
    adjust: Callable[[date], date] = lambda day: day,
) -> list[ScheduledInstallment]:
    """Split ``financed`` into monthly instalments, equal or the larger ones first.

    They are multiples of ``step``, so that each can be paid by card, except that the last one also
    has what is less than a step. ``adjust`` moves a due date to a working day. Raises
    ValidationFailed if an instalment would be 0, or less than the ``minimum`` of a card payment.
    """
    amounts = split_evenly(financed, term_months, currency, step)
    if min(amounts) <= ZERO:
        raise ValidationFailed.at(
            ["termMonths"], Fault("Too many months: an instalment would be 0.", Rule.TOO_LARGE)
        )
    if min(amounts) < minimum:
        raise ValidationFailed.at(
            ["termMonths"],
            Fault(
                "Too many months: an instalment would be {amount} {currency}."
                " A card payment must be at least {minimum} {currency}.",
                Rule.TOO_LARGE,
                amount=min(amounts),
                minimum=minimum,
                currency=currency,
            ),
        )
    return [
        ScheduledInstallment(number + 1, adjust(months_after(first_due_on, number)), amount)
        for number, amount in enumerate(amounts)
    ]


def months_after(day: date, months: int) -> date:
    """Return the same day ``months`` later, or the month's last day if it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def working_day(day: date, weekend: Collection[str]) -> date:
    """Return ``day``, or the first day after it that is not in the ``weekend``."""
    while WEEKDAYS[day.weekday()] in weekend:
        day += timedelta(days=1)
    return day


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
    earliest = earliest_today or today
    if requested is not None and not earliest <= requested <= latest:
        raise ValidationFailed.at(
            ["firstDueOn"],
            Fault(
                "Must be a day from {min} to {max}.",
                Rule.OUT_OF_RANGE,
                min=earliest,
                max=latest,
            ),
        )
    return requested or months_after(today, 1)


def require_down_payment(down_payment: Decimal, requested_amount: Decimal) -> None:
    """Raise ValidationFailed unless the down payment is less than the requested amount."""
    if down_payment >= requested_amount:
        raise ValidationFailed.at(
            ["downPayment"],
            Fault(
                "Must be less than the requested amount, {exclusiveMax}.",
                Rule.TOO_LARGE,
                exclusiveMax=requested_amount,
            ),
        )
