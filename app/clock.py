"""The clock: the only source of the current time, so that tests can move it."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime

source: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731 (tests replace it)

pause: Callable[[float], None] = time.sleep  # takes seconds; tests replace it


def now() -> datetime:
    """Return the current time in UTC."""
    return source()


def today() -> date:
    """Return the current date in UTC."""
    return now().date()
