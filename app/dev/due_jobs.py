"""What follows when the clock is moved: jobs become due, and rate limit windows end."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from croniter import croniter  # type: ignore[import-untyped]
from redis import RedisError
from sqlalchemy import text

from ..database.base import db
from ..extensions import limiter
from ..http.rate_limit_storage import SharedStorage
from ..jobs import queue
from ..payments.models import Payment

MAINTENANCE = {"prune", "check_ledger"}  # no client notices them; they run at their real times
REDIS_KEYS = "limits/*"
MOVE_WAITING_JOBS = """
    UPDATE procrastinate_jobs SET scheduled_at = scheduled_at - :delta
    WHERE status = 'todo' AND scheduled_at IS NOT NULL
"""


def run_due_jobs(start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Run each scheduled job once that is due between ``start`` and ``end`` and has work.

    Return their names and outcomes. Each commits for itself, as in a worker.
    """
    results = []
    for name, cron in queue.SCHEDULES.items():
        is_due = croniter(cron, start).get_next(datetime) <= end
        if is_due and has_work(name):
            try:
                queue.run(name, queue.FUNCTIONS[name])
                outcome = "succeeded"
            except Exception:  # recorded with its reason, as any failure of a job
                outcome = "failed"
            results.append({"name": name, "outcome": outcome})
    return results


def has_work(name: str) -> bool:
    """Return whether a client may notice that the job has run.

    Reconciliation cancels payments that were abandoned; the rest of it is slow and changes nothing
    at the stand-in for Stripe, whose events arrive.
    """
    if name == "reconcile_payments":
        return bool(db.session.scalar(db.select(db.exists().where(Payment.is_payable()))))
    return name not in MAINTENANCE


def move_waiting_jobs(delta: timedelta) -> None:
    """Move the time until jobs that wait, which the queue compares with the database's clock."""
    db.session.execute(text(MOVE_WAITING_JOBS), {"delta": delta})


def move_rate_windows(delta: timedelta) -> None:
    """End the windows in Redis, which has a clock of its own, as much earlier.

    If the clock goes back they end at once, as those in the memory of a process do.
    """
    storage: Any = limiter.storage
    if not isinstance(storage, SharedStorage):
        return
    with suppress(RedisError):  # the limits hold in memory meanwhile
        for key in storage.client.scan_iter(REDIS_KEYS):
            left = storage.client.pttl(key) - delta // timedelta(milliseconds=1)
            if delta < timedelta(0) or left <= 0:
                storage.client.delete(key)
            else:
                storage.client.pexpire(key, left)


def end_rate_windows() -> None:
    """End every window in Redis; those in memory end in ``suites.forget_state``."""
    move_rate_windows(timedelta.max)
