"""Amounts of money: decimals with a currency beside them. The only place that rounds.

Sources: ISO 4217 (codes and minor units). An amount has at most 15 significant digits, so that
a client that reads it as an IEEE 754 double still has it exactly.
"""

import decimal
from collections.abc import Mapping, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

from .errors import ValidationFailed

ZERO = Decimal(0)
MAX_DIGITS = 15

# The widest product, an amount by a price by a share by a rate, is exact: nothing is rounded on
# the way. New threads copy DefaultContext; the thread that imports this has its context already.
for _context in (decimal.DefaultContext, decimal.getcontext()):
    _context.prec = 80

# ISO 4217's active national currencies, by the number of decimals of their minor unit.
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
    """The smallest amount that ``currency`` has: 1 for JPY, 0.01 for USD, 0.001 for KWD."""
    return Decimal(1).scaleb(-MINOR_UNITS[currency])


def to_minor_unit(amount: Decimal, currency: str) -> Decimal:
    """``amount`` rounded half-up to ``currency``'s minor unit, for publication.

    Raises ValidationFailed where the result would need more than 15 significant digits.
    """
    if amount.adjusted() > MAX_DIGITS:
        return require_exact(amount)  # too long before any rounding, which would not take it
    return require_exact(amount.quantize(minor_unit(currency), ROUND_HALF_UP))


def format_amount(amount: Decimal, currency: str) -> str:
    """``amount`` as people read it, with all of ``currency``'s decimals: ``1,916.60``."""
    return f"{amount.quantize(minor_unit(currency), ROUND_HALF_UP):,f}"


def require_minor_units(amounts: Mapping[str, Decimal | None], currency: str) -> None:
    """Refuse those of ``amounts``, by their names on the wire, that are finer than ``currency``."""
    unit, places = minor_unit(currency), MINOR_UNITS[currency]
    for name, amount in amounts.items():
        if amount is not None and amount % unit:
            raise ValidationFailed.at([name], f"At most {places} decimals in {currency}.")


def require_exact(amount: Decimal) -> Decimal:
    """``amount`` itself, refused where it needs more than 15 significant digits."""
    if len(amount.as_tuple().digits) > MAX_DIGITS or amount.adjusted() >= MAX_DIGITS:
        raise ValidationFailed.at([], f"A total would need more than {MAX_DIGITS} digits.")
    return amount


def apportion(parts: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Each of the exact ``parts`` in ``currency``'s minor unit, adding up to their rounded total.

    By largest remainder: every part is rounded down, and the units that are then missing go to
    the parts that lost most, the earlier one first where two lost the same.
    """
    unit = minor_unit(currency)
    floors = [part.quantize(unit, ROUND_FLOOR) for part in parts]
    missing = int((to_minor_unit(sum(parts, ZERO), currency) - sum(floors, ZERO)) / unit)
    by_loss = sorted(range(len(parts)), key=lambda i: floors[i] - parts[i])
    raised = set(by_loss[:missing])
    return [floor + unit if i in raised else floor for i, floor in enumerate(floors)]


def split_evenly(total: Decimal, parts: int, currency: str) -> list[Decimal]:
    """``total`` in ``parts`` amounts that add up to it and differ by at most one minor unit.

    The larger ones come first: 100,000 over 3 is 33,333.34 + 33,333.33 + 33,333.33.
    """
    units, larger = divmod(int(total / minor_unit(currency)), parts)
    return [(units + (i < larger)) * minor_unit(currency) for i in range(parts)]
