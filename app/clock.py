"""The clock: the only source of the current time and date, so that tests can move it.

Moments are in UTC; days are those of the institution's time zone (TIME_ZONE).
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from flask import current_app

EASTERNMOST = timezone(timedelta(hours=14))  # where each day begins first
WESTERNMOST = timezone(timedelta(hours=-12))  # where it ends last

source: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731 (tests replace it)

pause: Callable[[float], None] = time.sleep  # takes seconds; tests replace it


def now() -> datetime:
    """Return the current time in UTC."""
    return source()


def zone() -> ZoneInfo:
    """Return the institution's time zone."""
    return ZoneInfo(current_app.config["TIME_ZONE"])


def local_time(moment: datetime) -> datetime:
    """Return ``moment`` in the institution's time zone."""
    return moment.astimezone(zone())


def start_of(day: date) -> datetime:
    """Return the moment, in UTC, at which ``day`` begins in the institution's time zone."""
    return datetime.combine(day, time_of_day(), zone()).astimezone(UTC)


def local_date(moment: datetime) -> date:
    """Return the day of ``moment`` in the institution's time zone."""
    return local_time(moment).date()


def today() -> date:
    """Return the current date in the institution's time zone."""
    return local_date(now())


def earliest_today() -> date:
    """Return the earliest date that it is now anywhere on earth: an earlier one is past."""
    return now().astimezone(WESTERNMOST).date()


def latest_today() -> date:
    """Return the latest date that it is now anywhere on earth: a later one is in the future."""
    return now().astimezone(EASTERNMOST).date()
