"""The service's clock: the one place that asks what time it is, so that tests can move it."""

from collections.abc import Callable
from datetime import UTC, date, datetime

source: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731 (tests put another here)


def now() -> datetime:
    """This moment, in UTC."""
    return source()


def today() -> date:
    """This day, in UTC."""
    return now().date()
