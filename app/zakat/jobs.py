"""Remind users of a hawl that is completed."""

from datetime import timedelta

from .. import clock
from ..database.base import db
from ..jobs.queue import scheduled
from ..notifications.actions import notify
from .models import Calculation

HAWL_NOTICE = timedelta(days=7)  # for which a completed hawl is still reported, if no job ran


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
