"""The Hijri calendar, as Umm al-Qura keeps it: days of a lunar year, never a count of 354 days.

The tables of the hijridate library run from 1 Muharram 1343 to 30 Dhu al-Hijjah 1500.
"""

from datetime import date

from hijridate import Gregorian, Hijri

from ...errors import ValidationFailed


class HijriDateOutOfRange(ValidationFailed):
    """The tables do not reach a day, or the day a Hijri year after it."""

    reason = "The Hijri calendar known here runs from 1924-08-01 to 2077-11-16."


def one_year_after(start: date) -> date:
    """The same Hijri day a year on; a 30th whose month then has 29 days completes on the 29th."""
    hijri = _to_hijri(start)
    try:
        month = Hijri(hijri.year + 1, hijri.month, 1)
    except OverflowError:
        raise HijriDateOutOfRange.at([], HijriDateOutOfRange.reason) from None
    last_day = min(hijri.day, month.month_length())
    return date.fromordinal(month.to_gregorian().toordinal() + last_day - 1)


def hijri_day(day: date) -> str:
    """``day`` in the Hijri calendar, as ``1447-09-01``."""
    return _to_hijri(day).isoformat()


def _to_hijri(day: date) -> Hijri:
    try:
        return Gregorian.fromdate(day).to_hijri()
    except OverflowError:
        raise HijriDateOutOfRange.at([], HijriDateOutOfRange.reason) from None
