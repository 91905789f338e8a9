"""Amounts in Stripe's units, and what cards can be charged.

The unit is the minor unit of most currencies, with exceptions. Source: Stripe's documentation of
supported currencies: zero-decimal and special-case currencies, minimum and maximum charge amounts.
"""

from decimal import Decimal

from ..errors import ValidationFailed
from ..messages import Fault, Rule
from ..money import MINOR_UNITS, ZERO

ZERO_DECIMAL = {
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
}  # fmt: skip
TWO_DECIMAL_EXCEPTIONS = {"ISK", "UGX"}  # no decimals in ISO 4217, two in Stripe's API

# The smallest charges, in major units. Stripe applies them to the currency that is paid out; one
# that is not listed has no minimum of its own.
MINIMUM_CHARGES = {
    currency: Decimal(amount)
    for amount, currencies in {
        "0.30": "GBP",
        "0.50": "AUD BRL CAD CHF EUR INR NZD SGD USD",
        "2": "AED MYR PLN RON",
        "2.50": "DKK",
        "3": "NOK SEK",
        "4": "HKD",
        "10": "MXN THB",
        "15": "CZK",
        "50": "JPY",
        "175": "HUF",
    }.items()
    for currency in currencies.split()
}
MAX_DIGITS = 8  # of a charge in Stripe's units
MORE_DIGITS = {"INR": 9, "COP": 10, "HUF": 10, "IDR": 12}


def to_stripe_amount(amount: Decimal, currency: str, field: str | None = "amount") -> int:
    """Convert ``amount`` of ``currency`` to Stripe's units.

    Raises ValidationFailed, at the body's ``field``, for an amount that cards cannot be charged.
    """
    path = [field] if field else []
    if currency in TWO_DECIMAL_EXCEPTIONS:
        return int(amount * 100)
    places = 0 if currency in ZERO_DECIMAL else MINOR_UNITS[currency]
    units = amount.scaleb(places)
    if units != int(units):
        raise ValidationFailed.at(
            path,
            Fault.of_count(
                "Must have at most {places} decimal in {currency} by card.",
                "Must have at most {places} decimals in {currency} by card.",
                Rule.TOO_MANY_DECIMALS,
                places=places,
                currency=currency,
            ),
        )
    if places == 3 and int(units) % 10:
        raise ValidationFailed.at(
            path,
            Fault(
                "The third decimal must be 0 in {currency} by card.",
                Rule.TOO_MANY_DECIMALS,
                places=2,
                currency=currency,
            ),
        )
    return int(units)


def require_chargeable(amount: Decimal, currency: str, field: str | None = "amount") -> None:
    """Raise ValidationFailed, at the body's ``field``, unless cards can be charged ``amount``.

    A refund has neither a minimum nor a maximum: ``to_stripe_amount`` checks it.
    """
    path, minimum = [field] if field else [], minimum_charge(currency)
    if amount < minimum:
        raise ValidationFailed.at(
            path,
            Fault(
                "Must be at least {min} {currency} by card.",
                Rule.TOO_SMALL,
                min=minimum,
                currency=currency,
            ),
        )
    if to_stripe_amount(amount, currency, field) >= 10 ** MORE_DIGITS.get(currency, MAX_DIGITS):
        raise ValidationFailed.at(
            path, Fault("Too much for one card payment: pay in parts.", Rule.TOO_LARGE)
        )


def minimum_charge(currency: str) -> Decimal:
    """Return the smallest amount that cards can be charged; 0 if Stripe states none."""
    return MINIMUM_CHARGES.get(currency, ZERO)


def payable_step(currency: str) -> Decimal:
    """Return the step of amounts that cards can be charged: 0.010 in three-decimal currencies."""
    exceptions = TWO_DECIMAL_EXCEPTIONS | ZERO_DECIMAL
    return Decimal(1).scaleb(0 if currency in exceptions else -min(MINOR_UNITS[currency], 2))


def from_stripe_amount(units: int, currency: str) -> Decimal:
    """Convert Stripe's units to an amount of ``currency``."""
    if currency in TWO_DECIMAL_EXCEPTIONS:
        return Decimal(units) / 100
    return Decimal(units).scaleb(0 if currency in ZERO_DECIMAL else -MINOR_UNITS[currency])


def chargeable_amount(amount: Decimal, currency: str) -> Decimal:
    """Round ``amount`` down to what cards can be charged or refunded in ``currency``."""
    return amount - amount % payable_step(currency)
