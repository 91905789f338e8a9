"""Amounts in Stripe's units: the minor unit of most currencies, with exceptions.

Source: Stripe's list of zero-decimal and special-case currencies.
"""

from decimal import Decimal

from ..errors import ValidationFailed
from ..money import MINOR_UNITS

ZERO_DECIMAL = {
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
}  # fmt: skip
TWO_DECIMAL_EXCEPTIONS = {"ISK", "UGX"}  # no decimals in ISO 4217, two in Stripe's API


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
        raise ValidationFailed.at(path, f"At most {places} decimals in {currency} by card.")
    if places == 3 and int(units) % 10:
        raise ValidationFailed.at(path, f"The third decimal must be 0 in {currency} by card.")
    return int(units)


def require_chargeable(amount: Decimal, currency: str, field: str | None = "amount") -> None:
    """Raise ValidationFailed, at the body's ``field``, unless cards can be charged ``amount``."""
    to_stripe_amount(amount, currency, field)


def from_stripe_amount(units: int, currency: str) -> Decimal:
    """Convert Stripe's units to an amount of ``currency``."""
    if currency in TWO_DECIMAL_EXCEPTIONS:
        return Decimal(units) / 100
    return Decimal(units).scaleb(0 if currency in ZERO_DECIMAL else -MINOR_UNITS[currency])


def chargeable_amount(amount: Decimal, currency: str) -> Decimal:
    """Round ``amount`` down to what cards can be charged or refunded in ``currency``."""
    exceptions = TWO_DECIMAL_EXCEPTIONS | ZERO_DECIMAL
    places = 0 if currency in exceptions else min(MINOR_UNITS[currency], 2)
    return amount - amount % Decimal(1).scaleb(-places)
