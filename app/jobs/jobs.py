"""The scheduled job that reminds users."""

import logging

from ..database.base import db
from .queue import REMINDERS, JobFailed, describe, scheduled

log = logging.getLogger(__name__)


@scheduled("send_reminders", cron="37 * * * *")
def send_reminders() -> None:
    """Call each reminder and commit it, even if others fail. Raises JobFailed."""
    failures = []
    for reminder in REMINDERS:
        try:
            reminder()
            db.session.commit()
        except Exception as error:
            db.session.rollback()
            log.exception("reminder %s", reminder.__name__)
            failures.append(f"{reminder.__name__}: {describe(error)}")
    if failures:
        raise JobFailed("; ".join(failures))
