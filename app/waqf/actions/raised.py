"""The report of what projects raised, month by month."""

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Any

from ... import clock
from ...errors import ValidationFailed
from ...messages import Fault, Rule
from ..models.raised import MonthlyTotal, raised_by_month

MAX_MONTHS = 60
DEFAULT_MONTHS = 12


def report_raised(currency: str, since: date | None, until: date | None) -> dict[str, Any]:
    """Return what each project received in each month of a period, the last twelve by default.

    Raises ValidationFailed if the period has more than 60 months.
    """
    until = until or clock.today()
    months = list(months_back(since, until))
    first_day = since or months[-1]
    totals = raised_by_month(currency, first_day, until)
    by_month = {month: list(rows) for month, rows in groupby(totals, lambda row: row.month)}
    return {
        "currency": currency,
        "since": first_day,
        "until": until,
        "months": [describe_month(month, by_month.get(month, [])) for month in reversed(months)],
    }


def months_back(since: date | None, until: date) -> Iterator[date]:
    """Yield the first days of the months from that of ``until`` back to that of ``since``."""
    last = until.year * 12 + until.month - 1
    first = since.year * 12 + since.month - 1 if since else last - DEFAULT_MONTHS + 1
    if last - first >= MAX_MONTHS:
        raise ValidationFailed.at(
            ["from"],
            Fault("Must be at most {max} months before the end.", Rule.TOO_EARLY, max=MAX_MONTHS),
        )
    for month in range(last, first - 1, -1):
        yield date(month // 12, month % 12 + 1, 1)


def describe_month(month: date, totals: list[MonthlyTotal]) -> dict[str, Any]:
    """Return the totals of one month, of all projects and of each."""
    return {
        "month": month.isoformat()[:7],
        "received": sum(total.received for total in totals),
        "refunded": sum(total.refunded for total in totals),
        "projects": [total._asdict() for total in totals],
    }
