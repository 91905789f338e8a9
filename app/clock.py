"""The clock: the only source of the current time and date, so that tests can move it.

Moments are in UTC; days are those of the institution's time zone (TIME_ZONE).
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from time import sleep
from zoneinfo import ZoneInfo

from flask import current_app

EASTERNMOST = timezone(timedelta(hours=14))  # where each day begins first

source: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731 (tests replace it)

pause: Callable[[float], None] = sleep  # takes seconds; tests replace it


def now() -> datetime:
    """Return the current time in UTC."""
    return source()


def local_time(moment: datetime) -> datetime:
    """Return ``moment`` in the institution's time zone."""
    return moment.astimezone(ZoneInfo(current_app.config["TIME_ZONE"]))


def local_date(moment: datetime) -> date:
    """Return the day of ``moment`` in the institution's time zone."""
    return local_time(moment).date()


def day_begin(day: date) -> datetime:
    """Return the moment at which ``day`` begins in the institution's time zone."""
    local = datetime.combine(day, time.min, ZoneInfo(current_app.config["TIME_ZONE"]))
    return local.astimezone(UTC)


def today() -> date:
    """Return the current date in the institution's time zone."""
    return local_date(now())


def latest_today() -> date:
    """Return the latest date that it is now anywhere on earth: a later one is in the future."""
    return now().astimezone(EASTERNMOST).date()
