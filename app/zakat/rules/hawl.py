"""The hawl: whether the year that wealth and herds must be kept is over."""

from datetime import date

from ...errors import ValidationFailed
from .hijri import HijriDateOutOfRange, one_year_after

PATH = ["hawlStartedOn"]


def hawl_completes_on(started_on: date | None, today: date) -> date | None:
    """The day a Hijri year after ``started_on``; None where no hawl is stated."""
    if started_on is None:
        return None
    if started_on > today:
        raise ValidationFailed.at(PATH, "A hawl cannot start in the future.")
    try:
        return one_year_after(started_on)
    except HijriDateOutOfRange as outside:
        raise HijriDateOutOfRange.at(PATH, outside.reason) from None


def hawl_is_complete(completes_on: date | None, today: date) -> bool:
    """True from the very day it completes; a hawl that is not stated is held to be complete."""
    return completes_on is None or completes_on <= today
