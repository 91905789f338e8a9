"""The Hijri calendar of Umm al-Qura; a year is a lunar year of the calendar, not 354 days.

The tables of the hijridate library cover 1 Muharram 1343 to 30 Dhu al-Hijjah 1500.
"""

from datetime import date

from hijridate import Gregorian, Hijri

from ...errors import ValidationFailed
from ...messages import Fault, Rule


class HijriDateOutOfRange(ValidationFailed):
    """A day, or the day a Hijri year after it, is outside the tables."""

    reason = Fault(
        "The date is outside the Hijri calendar, which covers {min} to {max}.",
        Rule.OUT_OF_RANGE,
        min=date(1924, 8, 1),
        max=date(2077, 11, 16),
    )


def one_year_after(start: date) -> date:
    """Return the same Hijri day a year later; the 29th for a 30th, if the month then has 29 days.

    Raises HijriDateOutOfRange.
    """
    hijri = _to_hijri(start)
    try:
        month = Hijri(hijri.year + 1, hijri.month, 1)
    except OverflowError:
        raise HijriDateOutOfRange.at([], HijriDateOutOfRange.reason) from None
    last_day = min(hijri.day, month.month_length())
    return date.fromordinal(month.to_gregorian().toordinal() + last_day - 1)


def hijri_day(day: date) -> str:
    """Format ``day`` in the Hijri calendar, as ``1447-09-01``. Raises HijriDateOutOfRange."""
    return _to_hijri(day).isoformat()


def hijri_parts(day: date) -> tuple[int, int, int]:
    """Return year, month and day in the Hijri calendar. Raises HijriDateOutOfRange."""
    hijri = _to_hijri(day)
    return hijri.year, hijri.month, hijri.day


def _to_hijri(day: date) -> Hijri:
    try:
        return Gregorian.fromdate(day).to_hijri()
    except OverflowError:
        raise HijriDateOutOfRange.at([], HijriDateOutOfRange.reason) from None
