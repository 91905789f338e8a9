"""Put off the due dates of a sale; its amounts do not change."""

from datetime import date
from typing import Any
from uuid import UUID

from ... import clock
from ...messages import Message
from ...payments.rules import InvalidTransition
from ..models import Application, ApplicationEvent
from ..rules import DueDate, find_transition, months_after, postpone
from .payments import find_installment
from .steps import apply_action, lock_for_decision, next_working_day


def reschedule(
    officer: Any, id: UUID, number: int | None, reason: str, postponement: dict[str, Any]
) -> None:
    """Put off the instalments from ``number`` on, by default from the oldest unpaid one.

    ``postponement`` is one of ``first_due_on``, ``months`` and ``days``. Raises InvalidTransition,
    InstallmentNotFound, and ValidationFailed for dates that are earlier than was agreed.
    """
    application = lock_for_decision(officer, id)
    find_transition(application.status, "reschedule")
    number = _first_to_move(application, number)
    dates = due_dates(application)
    new = postpone(dates, number, clock.today(), adjust=next_working_day, **postponement)
    changes = {
        str(row.number): {"from": row.due, "to": new[row.number]}
        for row in dates
        if new.get(row.number, row.due) != row.due
    }
    facts = {"from": number, "first_due_on": new[number], "due_dates": changes}
    apply_action(application, "reschedule", officer, reason=reason, **facts)
    for installment in application.installments[number - 1 :]:
        installment.due_date = new[installment.number]
    application.updated_at = clock.now()


def _first_to_move(application: Application, number: int | None) -> int:
    """Return the number of the first instalment to put off, of which something is left to pay."""
    unpaid = [row.number for row in application.installment_balances if row.outstanding]
    if not unpaid:
        raise InvalidTransition(Message("All instalments are paid: no date is left to put off."))
    if number is None:
        return unpaid[0]
    find_installment(application, number)
    if number not in unpaid:
        raise InvalidTransition(
            Message(
                "Instalment {number} is paid. The oldest unpaid one is {oldest}.",
                number=number,
                oldest=unpaid[0],
            )
        )
    return number


def due_dates(application: Application) -> list[DueDate]:
    """Return when each instalment is due, and when it was to be due by the contract."""
    agreed, rows = _agreed_dates(application), application.installments
    return [DueDate(row.number, row.due_date, agreed[row.number]) for row in rows]


def _agreed_dates(application: Application) -> dict[int, date]:
    """Return the due dates of the contract; those of an earlier release are in the history."""
    rows = application.installments
    stored = {row.number: row.agreed_due_date for row in rows if row.agreed_due_date}
    if len(stored) == len(rows):
        return stored
    (acceptance,) = ApplicationEvent.for_application(application.id, "accept").objects()
    first = date.fromisoformat(acceptance.facts["firstDueOn"])
    return {row.number: months_after(first, row.number - 1) for row in rows}
