"""The hawl: the lunar year for which wealth and herds must be held."""

from datetime import date

from ...documents.rules.hijri import HijriDateOutOfRange, one_year_after
from ...errors import ValidationFailed
from ...messages import Fault, Rule

PATH = ["hawlStartedOn"]


def hawl_completes_on(started_on: date | None, latest_start: date) -> date | None:
    """Return the day a Hijri year after ``started_on``; None if no start is given.

    Raises ValidationFailed if the start is after ``latest_start``, the latest date that it is now
    anywhere on earth, or outside the calendar's range.
    """
    if started_on is None:
        return None
    if started_on > latest_start:
        raise ValidationFailed.at(PATH, Fault("A hawl cannot start in the future.", Rule.IN_FUTURE))
    try:
        return one_year_after(started_on)
    except HijriDateOutOfRange as error:
        raise HijriDateOutOfRange.at(PATH, error.reason) from None


def hawl_is_complete(completes_on: date | None, today: date) -> bool:
    """Return True from the day of completion on, and if no hawl is given."""
    return completes_on is None or completes_on <= today
