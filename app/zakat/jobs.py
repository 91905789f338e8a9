"""Remind users of a hawl that is completed, and of zakat that is due."""

from datetime import timedelta

from .. import clock
from ..database.base import db
from ..jobs.queue import scheduled
from ..notifications.actions import notify
from .models import Calculation, Obligation

HAWL_NOTICE = timedelta(days=7)  # for which a completed hawl is still reported, if no job ran
OBLIGATION_NOTICE = timedelta(days=7)  # before the day, and after it if no job ran


@scheduled("remind_of_hawls", cron="0 5 * * *")
def remind_of_hawls() -> None:
    """Notify users whose hawl is completed, once for each day.

    A calculation that was made after the day needs no reminder.
    """
    today = clock.today()
    query = (
        db.select(Calculation.user_id, Calculation.hawl_completes_on, Calculation.calculated_at)
        .where(Calculation.hawl_completes_on <= today)
        .where(Calculation.hawl_completes_on > today - HAWL_NOTICE)
        .order_by(Calculation.user_id, Calculation.hawl_completes_on, Calculation.id)
    )
    completed = {
        (user_id, completes_on)
        for user_id, completes_on, calculated_at in db.session.execute(query)
        if clock.local_date(calculated_at) < completes_on
    }
    for user_id, completes_on in sorted(completed):
        day = completes_on.isoformat()
        notify("hawl_completed", f"{user_id} {day}", user_id=user_id, facts={"completed_on": day})


@scheduled("remind_of_obligations", cron="10 5 * * *")
def remind_of_obligations() -> None:
    """Notify users whose obligation is due soon and not paid in full, once for each."""
    today = clock.today()
    query = Obligation.unpaid(today - OBLIGATION_NOTICE, today + OBLIGATION_NOTICE)
    for obligation, remaining in db.session.execute(query):
        notify(
            "obligation_due",
            str(obligation.id),
            user_id=obligation.user_id,
            facts={
                "amount": remaining,
                "currency": obligation.currency,
                "hijri_year": obligation.hijri_year,
                "due_on": obligation.due_on.isoformat(),
            },
        )
