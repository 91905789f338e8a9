"""The service's clock: the one place that asks what time it is, so that tests can move it."""

from datetime import UTC, date, datetime


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """This day, in UTC."""
    return now().date()
