"""The Hijri calendar of Umm al-Qura; a year is a lunar year of the calendar, not 354 days.

The tables of the hijridate library cover 1 Muharram 1343 to 30 Dhu al-Hijjah 1500. Where the new
moon is sighted on another day, ``adjustment`` (HIJRI_ADJUSTMENT) is the number of days by which the
local calendar is ahead: with 1, the day before 1 Ramadan is 1 Ramadan already.
"""

from datetime import date, timedelta

from hijridate import Gregorian, Hijri

from ...errors import ValidationFailed
from ...messages import Fault, Rule

SHAWWAL = 10


class HijriDateOutOfRange(ValidationFailed):
    """A day, or the day a Hijri year after it, is outside the tables."""

    reason = Fault(
        "The date is outside the Hijri calendar, which covers {min} to {max}.",
        Rule.OUT_OF_RANGE,
        min=date(1924, 8, 1),
        max=date(2077, 11, 16),
    )


def one_year_after(start: date, adjustment: int = 0) -> date:
    """Return the same Hijri day a year later; the 29th for a 30th, if the month then has 29 days.

    Raises HijriDateOutOfRange.
    """
    hijri = _to_hijri(start, adjustment)
    return _to_gregorian(hijri.year + 1, hijri.month, hijri.day, adjustment)


def next_first_of_shawwal(day: date, adjustment: int = 0) -> date:
    """Return the first day of Shawwal, the feast after Ramadan, that is not before ``day``.

    Raises HijriDateOutOfRange.
    """
    year = _to_hijri(day, adjustment).year
    feast = _to_gregorian(year, SHAWWAL, 1, adjustment)
    return feast if feast >= day else _to_gregorian(year + 1, SHAWWAL, 1, adjustment)


def hijri_day(day: date, adjustment: int = 0) -> str:
    """Format ``day`` in the Hijri calendar, as ``1447-09-01``. Raises HijriDateOutOfRange."""
    return _to_hijri(day, adjustment).isoformat()


def hijri_parts(day: date, adjustment: int = 0) -> tuple[int, int, int]:
    """Return year, month and day in the Hijri calendar. Raises HijriDateOutOfRange."""
    hijri = _to_hijri(day, adjustment)
    return hijri.year, hijri.month, hijri.day


def _to_hijri(day: date, adjustment: int) -> Hijri:
    try:
        return Gregorian.fromdate(day + timedelta(days=adjustment)).to_hijri()
    except OverflowError:
        raise HijriDateOutOfRange.at([], HijriDateOutOfRange.reason) from None


def _to_gregorian(year: int, month: int, day: int, adjustment: int) -> date:
    """Return a Hijri day, or the last one of its month, as a date."""
    try:
        first = Hijri(year, month, 1)
        last_day = min(day, first.month_length())
        ordinal = first.to_gregorian().toordinal() + last_day - 1
        return date.fromordinal(ordinal - adjustment)
    except OverflowError:
        raise HijriDateOutOfRange.at([], HijriDateOutOfRange.reason) from None
