"""Remind clients of offers that end, and of instalments that are due or overdue."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby
from typing import Any

from .. import clock
from ..database.base import db
from ..jobs.queue import scheduled
from ..notifications.actions import notify
from .actions.mails import application_facts
from .actions.steps import contract_of
from .models import Application, Installment
from .rules import GRACE_PERIOD, OFFERED

OFFER_NOTICE = timedelta(days=3)  # before an offer ends
DUE_NOTICE = timedelta(days=7)  # before an instalment is due
# How long after it has become overdue an instalment is still reported, if no job ran before.
OVERDUE_NOTICE = timedelta(days=14)


@scheduled("remind_clients", cron="0 5 * * *")
def remind_clients() -> None:
    """Notify clients, once for each offer and each due date."""
    _remind_of_offers()
    today = clock.today()
    _remind_of_installments("installment_due", "pending", today, today + DUE_NOTICE)
    last = today - GRACE_PERIOD
    _remind_of_installments("installment_overdue", "overdue", last - OVERDUE_NOTICE, last)


def _remind_of_offers() -> None:
    now = clock.now()
    expires_at = Application.__table__.c.expires_at
    ending = db.select(Application).where(
        Application.state.in_(OFFERED), expires_at > now, expires_at <= now + OFFER_NOTICE
    )
    for application in db.session.scalars(ending):
        contract = contract_of(application)
        end = contract.expires_at.isoformat()
        facts = {**application_facts(application, contract.selling_price), "expires_at": end}
        key = f"{application.id} {end}"
        notify("offer_expiring", key, user_id=application.user_id, facts=facts)


def _remind_of_installments(kind: str, status: str, first: Any, last: Any) -> None:
    """Notify of the instalments in ``status`` that are due from ``first`` to ``last``.

    Those of a contract that are due on one day, as after an early settlement, are one mail.
    """
    query = (
        db.select(Installment, Application)
        .join(Application, Application.id == Installment.application_id)
        .where(Application.state == "active", Installment.status == status)
        .where(Installment.due_date >= first, Installment.due_date <= last)
        .order_by(Application.id, Installment.due_date, Installment.number)
    )
    rows = db.session.execute(query).all()
    for (application, due), group in groupby(rows, lambda row: (row[1], row[0].due_date)):
        facts = _facts_of(application, [installment for installment, _ in group])
        key = f"{application.id} {due}"
        notify(kind, key, user_id=application.user_id, facts=facts)


def _facts_of(application: Application, installments: Iterable[Installment]) -> dict[str, Any]:
    first, *others = installments
    parts = [part.amount - part.waived - part.paid_amount for part in (first, *others)]
    return {
        "application_number": application.application_number,
        "number": f"{first.number}–{others[-1].number}" if others else first.number,
        "amount": sum(parts),
        "currency": application.currency,
        "due_on": first.due_date.isoformat(),
    }
