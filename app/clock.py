"""The service's clock: the one place that asks what time it is, so that tests can move it."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime

source: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731 (tests put another here)

pause: Callable[[float], None] = time.sleep  # seconds


def now() -> datetime:
    """This moment, in UTC."""
    return source()


def today() -> date:
    """This day, in UTC."""
    return now().date()
