"""What projects received in each month, by the ledger."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, cast

from ... import clock
from ...database.base import db
from .fund_entries import DISPUTES, DONATIONS, REFUNDS, FundEntry
from .projects import Project


class MonthlyTotal(NamedTuple):
    """What one project received in one month, and what of its donations was taken back then."""

    month: date  # its first day
    project_id: UUID
    project_name: str
    received: Any
    refunded: Any  # also what disputes withhold or have taken


def raised_by_month(currency: str, since: date, until: date) -> Sequence[MonthlyTotal]:
    """Select the totals of the days from ``since`` to ``until``, by month and project."""
    entry: Any = FundEntry  # whose columns are those of a query
    month = cast(db.func.date_trunc("month", entry.day), db.Date).label("month")
    amount = entry.amount
    query = (
        db.select(
            month,
            Project.id,
            Project.name,
            db.func.coalesce(db.func.sum(amount).filter(entry.account == DONATIONS), 0),
            -db.func.coalesce(
                db.func.sum(amount).filter(entry.account.in_([REFUNDS, DISPUTES])), 0
            ),
        )
        .join(Project, Project.id == cast(db.func.substr(entry.fund, 6), Uuid))
        .where(entry.fund.startswith("waqf "), Project.currency == currency)
        .where(entry.account.in_([DONATIONS, REFUNDS, DISPUTES]))
        # Nothing is entered before it happens: the index finds the entries of the period.
        .where(entry.created_at >= clock.start_of_day(since))
        .where(entry.day.between(since, until))
        .group_by(month, Project.id, Project.name)
        .order_by(month, Project.name, Project.id)
    )
    return [MonthlyTotal(*row) for row in db.session.execute(query)]
