"""Amounts, days and times as people of a language write them; digits are Western in all."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from ...money import MINOR_UNITS, minor_unit

# Each language's usual order, in the Gregorian calendar; the names of months are CLDR's.
DAY = "d MMMM y"
TIME = f"{DAY}, HH:mm"


def format_money(amount: Decimal | int, currency: str, locale: str) -> str:
    """Format an amount with its currency: ``USD 1,916.60``; in Indonesian ``USD 1.916,60``."""
    digits = MINOR_UNITS[currency]
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    value = Decimal(amount).quantize(minor_unit(currency))
    return f"{currency} {format_decimal(value, pattern, locale)}"


def format_day(day: str, locale: str) -> str:
    """Format an ISO 8601 day: ``29 November 2026``."""
    return format_date(date.fromisoformat(day), DAY, locale)


def format_moment(moment: str, zone: ZoneInfo, locale: str) -> str:
    """Format an ISO 8601 time in ``zone``: ``29 November 2026, 14:30 (Asia/Riyadh)``."""
    text = format_datetime(datetime.fromisoformat(moment), TIME, zone, locale)
    return f"{text} ({zone.key})"
