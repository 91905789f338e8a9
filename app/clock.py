"""The clock: the only source of the current time and date, so that tests can move it.

Moments are in UTC; days are those of the institution's time zone (TIME_ZONE).
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from flask import current_app

EASTERNMOST = timezone(timedelta(hours=14))  # where each day begins first
WESTERNMOST = timezone(timedelta(hours=-12))  # where it ends last

source: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731 (tests replace it)

pause: Callable[[float], None] = time.sleep  # takes seconds; tests replace it


def now() -> datetime:
    """Return the current time in UTC."""
    return source()


def timestamp() -> float:
    """Return the current Unix time in seconds."""
    return now().timestamp()


def local_time(moment: datetime) -> datetime:
    """Return ``moment`` in the institution's time zone."""
    return moment.astimezone(ZoneInfo(current_app.config["TIME_ZONE"]))


def local_date(moment: datetime) -> date:
    """Return the day of ``moment`` in the institution's time zone."""
    return local_time(moment).date()


def utc_date(moment: datetime) -> date:
    """Return the day of ``moment`` in UTC, for what others define as a UTC day."""
    return moment.astimezone(UTC).date()


def today() -> date:
    """Return the current date in the institution's time zone."""
    return local_date(now())


def earliest_today() -> date:
    """Return the earliest date that it is now anywhere on earth: an earlier one is past."""
    return now().astimezone(WESTERNMOST).date()


def latest_today() -> date:
    """Return the latest date that it is now anywhere on earth: a later one is in the future."""
    return now().astimezone(EASTERNMOST).date()


def start_of_day(day: date) -> datetime:
    """Return the moment at which ``day`` begins in the institution's time zone.

    At the edges of the calendar, where that moment cannot be expressed in UTC, it is midnight UTC.
    """
    zone = ZoneInfo(current_app.config["TIME_ZONE"])
    try:
        return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
    except OverflowError:
        return datetime.combine(day, datetime.min.time(), UTC)


def end_of_day(day: date) -> datetime:
    """Return the moment at which the day after ``day`` begins in the institution's time zone."""
    return start_of_day(day + timedelta(days=1) if day < date.max else day)


def value_date(day: date) -> datetime:
    """Return the moment for what happened on ``day`` at an unknown time: its noon, or now."""
    return min(start_of_day(day) + timedelta(hours=12), now())


def was_before(day: date, moment: datetime) -> bool:
    """Whether ``day`` had ended everywhere on earth before ``moment``."""
    return day < moment.astimezone(WESTERNMOST).date()
