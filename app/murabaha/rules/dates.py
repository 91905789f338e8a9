"""How due dates are put off after the sale, and put back after a settlement by mistake.

Sources: al-Baqarah 280 (a debtor in hardship is given time); OIC Fiqh Academy, resolution 51 (2/6)
on instalment sales (nothing is added to the price for a delay).
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from ...errors import ValidationFailed
from ...messages import Fault, Rule
from .price import MAX_FIRST_DUE_MONTHS, months_after

MAX_POSTPONED_DAYS = 366  # by which one step can put off the dates


class DueDate(NamedTuple):
    """When an instalment is due now, and when it was to be due by the contract."""

    number: int
    due: date
    agreed: date


def postpone(
    dates: Sequence[DueDate],
    number: int,
    today: date,
    *,
    first_due_on: date | None = None,
    months: int | None = None,
    days: int | None = None,
    adjust: Callable[[date], date] = lambda day: day,
) -> dict[int, date]:
    """Return the new due dates by number, from instalment ``number`` on.

    The instalment is due on ``first_due_on`` and the following ones monthly, or each of them is due
    ``months`` or ``days`` later than now. ``adjust`` moves a day to one on which it can be paid.
    Raises ValidationFailed unless the dates are later, or go back to no earlier than was agreed,
    and stay in order.
    """
    moved = [row for row in dates if row.number >= number]
    field, move = _choose(moved, first_due_on, months, days)
    earliest = max([min(moved[0].due, moved[0].agreed), *_dates_before(dates, number)])
    latest = months_after(max(moved[0].due, today), MAX_FIRST_DUE_MONTHS)
    new = {}
    if earliest <= move(0) <= latest:
        new = {row.number: adjust(move(position)) for position, row in enumerate(moved)}
    if not new or _is_earlier(moved, new):
        raise ValidationFailed.at(
            [field],
            Fault(
                "The first date must be from {min} to {max}, and none earlier than was agreed.",
                Rule.OUT_OF_RANGE,
                min=earliest,
                max=latest,
            ),
        )
    if all(new[row.number] == row.due for row in moved):
        raise ValidationFailed.at(
            [field], Fault("The instalments are due on these days already.", Rule.DUPLICATE)
        )
    return new


def _choose(
    moved: Sequence[DueDate], first_due_on: date | None, months: int | None, days: int | None
) -> tuple[str, Callable[[int], date]]:
    """Return the field of the request, and the function of a position's new date."""
    if sum(value is not None for value in (first_due_on, months, days)) != 1:
        fields = ["firstDueOn", "months", "days"]
        raise ValidationFailed.at(
            [], Fault("Send one of {fields}.", Rule.CONFLICTING_FIELDS, fields=fields)
        )
    if first_due_on is not None:
        first = first_due_on
        return "firstDueOn", lambda position: months_after(first, position)
    if months is not None:
        return "months", lambda position: months_after(moved[position].due, months)
    later = timedelta(days=days or 0)
    return "days", lambda position: moved[position].due + later


def _dates_before(dates: Sequence[DueDate], number: int) -> list[date]:
    return [row.due for row in dates if row.number < number]


def _is_earlier(moved: Sequence[DueDate], new: dict[int, date]) -> bool:
    """Whether an instalment would be due earlier than it is, and earlier than was agreed."""
    return any(new[row.number] < min(row.due, row.agreed) for row in moved)


def put_back(dates: Sequence[DueDate], before: dict[int, date]) -> dict[int, date]:
    """Return the dates from ``before`` a settlement; one that was put off since stays later."""
    return {row.number: max(row.due, before.get(row.number, row.agreed)) for row in dates}
