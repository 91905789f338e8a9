"""Amounts of money: decimals with a currency beside them. The only module that rounds.

Codes and minor units are those of ISO 4217. An amount has at most 15 significant digits, so that a
client that parses it as an IEEE 754 double can recover it exactly.
"""

import decimal
from collections.abc import Mapping, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction

from .errors import ValidationFailed
from .messages import Fault, Rule

ZERO = Decimal(0)
PRICE_DECIMALS = 6
MAX_DIGITS = 15

TOTAL_TOO_LARGE = Fault.of_count(
    "A total would need more than {max} digit: send smaller amounts.",
    "A total would need more than {max} digits: send smaller amounts.",
    Rule.TOO_MANY_DIGITS,
    max=MAX_DIGITS,
)

# Enough for the longest product (amount, price, share and rate) to be exact. New threads copy
# DefaultContext; the importing thread already has its own context.
for _context in (decimal.DefaultContext, decimal.getcontext()):
    _context.prec = 80

# Decimals of the minor unit of each active national currency of ISO 4217.
MINOR_UNITS: dict[str, int] = {
    code: digits
    for digits, codes in {
        0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
        2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD"
        " CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP"
        " GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD"
        " LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB"
        " PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC"
        " SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG",
        3: "BHD IQD JOD KWD LYD OMR TND",
    }.items()
    for code in codes.split()
}


def minor_unit(currency: str) -> Decimal:
    """Return the smallest amount of ``currency``: 1 for JPY, 0.01 for USD, 0.001 for KWD."""
    return Decimal(1).scaleb(-MINOR_UNITS[currency])


def to_minor_unit(amount: Decimal, currency: str) -> Decimal:
    """Round ``amount`` half-up to the minor unit of ``currency``.

    Raises ValidationFailed if the result has more than 15 significant digits.
    """
    if amount.adjusted() > MAX_DIGITS:
        return require_exact(amount)  # too long for quantize()
    return require_exact(amount.quantize(minor_unit(currency), ROUND_HALF_UP))


def round_price(price: Fraction) -> Decimal:
    """Round a price per gram half-up to 6 decimals, or fewer if it had more than 15 digits."""
    exact = Decimal(price.numerator) / price.denominator
    places = max(0, min(PRICE_DECIMALS, MAX_DIGITS - 1 - exact.adjusted()))
    return exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def format_amount(amount: Decimal, currency: str) -> str:
    """Format ``amount`` for display, with all decimals of ``currency``: ``1,916.60``."""
    return f"{amount.quantize(minor_unit(currency), ROUND_HALF_UP):,f}"


def require_minor_units(amounts: Mapping[str, Decimal | None], currency: str) -> None:
    """Raise ValidationFailed if one of ``amounts``, by wire name, has too many decimals."""
    unit, places = minor_unit(currency), MINOR_UNITS[currency]
    for name, amount in amounts.items():
        if amount is not None and amount % unit:
            raise ValidationFailed.at(
                [name],
                Fault.of_count(
                    "Must have at most {places} decimal in {currency}.",
                    "Must have at most {places} decimals in {currency}.",
                    Rule.TOO_MANY_DECIMALS,
                    places=places,
                    currency=currency,
                ),
            )


def require_exact(amount: Decimal) -> Decimal:
    """Return ``amount``. Raises ValidationFailed if it has more than 15 significant digits."""
    if len(amount.as_tuple().digits) > MAX_DIGITS or amount.adjusted() >= MAX_DIGITS:
        raise ValidationFailed.at([], TOTAL_TOO_LARGE)
    return amount


def apportion(parts: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Round ``parts`` to the minor unit of ``currency`` so that they add up to their rounded total.

    By the largest remainder method: each part is rounded down, and the missing units go to the
    parts with the largest remainders, in order if remainders are equal.
    """
    unit = minor_unit(currency)
    floors = [part.quantize(unit, ROUND_FLOOR) for part in parts]
    missing = int((to_minor_unit(sum(parts, ZERO), currency) - sum(floors, ZERO)) / unit)
    by_remainder = sorted(range(len(parts)), key=lambda i: floors[i] - parts[i])
    rounded_up = set(by_remainder[:missing])
    return [floor + unit if i in rounded_up else floor for i, floor in enumerate(floors)]


def split_evenly(
    total: Decimal, parts: int, currency: str, step: Decimal | None = None
) -> list[Decimal]:
    """Split ``total`` into ``parts`` multiples of ``step`` that differ by at most one step.

    The larger ones come first: 100,000 over 3 is 33,333.34 + 33,333.33 + 33,333.33. ``step`` is the
    minor unit of ``currency`` by default; what is less than a step is added to the last part.
    """
    step = step or minor_unit(currency)
    steps, larger = divmod(int(total / step), parts)
    amounts = [(steps + (i < larger)) * step for i in range(parts)]
    return [*amounts[:-1], amounts[-1] + total % step]
