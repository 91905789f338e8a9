"""The queue: define jobs, enqueue them in the caller's transaction, run each once in effect.

A job is a function in ``<domain>/jobs.py`` with JSON arguments. It may run twice, when its worker
dies after the work and before the queue knows, so what it does outside the database has to be
repeatable. Its database effects are committed once (``run``).
"""

import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job

from .. import clock
from ..database.base import db
from ..errors import describe_database_error
from .models import JobRun

FIRST_WAIT, MAX_WAIT = 10, 3600  # seconds until a failed job is tried again
MAX_ATTEMPTS = 30  # about a day
MAX_DELAY = 26 * 3600  # seconds: a scheduled job that no worker could run then runs late
MAX_ERROR_LENGTH = 500

# It needs no pool: jobs are inserted through the session's connection, and a worker has its own.
queue = procrastinate.App(
    connector=procrastinate.SyncPsycopgConnector(), periodic_defaults={"max_delay": MAX_DELAY}
)

SCHEDULES: dict[str, str] = {}  # cron expressions by the names of scheduled jobs, in UTC


class Backoff(procrastinate.BaseRetryStrategy):
    """Retry after FIRST_WAIT, then after twice as long each time, up to MAX_WAIT."""

    def __init__(self, max_attempts: int) -> None:
        self.max_attempts = max_attempts

    def get_retry_decision(
        self, *, exception: BaseException, job: Job
    ) -> procrastinate.RetryDecision | None:
        if job.attempts + 1 >= self.max_attempts:
            return None
        wait = min(FIRST_WAIT * 2 ** min(job.attempts, 20), MAX_WAIT)
        return procrastinate.RetryDecision(retry_in={"seconds": wait})


def job(name: str, *, max_attempts: int = MAX_ATTEMPTS) -> Callable[..., Any]:
    """Register a function as the job ``name``; its arguments are keywords with JSON values.

    The queue commits when the function returns. If it raises, the job is tried again after a
    pause that grows, ``max_attempts`` times in all.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @queue.task(name=name, pass_context=True, retry=Backoff(max_attempts))
        def task(context: procrastinate.JobContext, /, **arguments: Any) -> None:
            run(name, lambda: function(**arguments), job_id=context.job.id)

        return function

    return register


def scheduled(name: str, *, cron: str, max_attempts: int = 3) -> Callable[..., Any]:
    """Register a function without arguments as the job ``name``, run at the UTC times of ``cron``.

    Across all workers it is enqueued once for each time, waits at most once, and never runs twice
    at the same time.
    """

    def register(function: Callable[[], None]) -> Callable[[], None]:
        SCHEDULES[name] = cron
        FUNCTIONS[name] = function

        @queue.periodic(cron=cron)
        @queue.task(
            name=name,
            pass_context=True,
            lock=name,
            queueing_lock=name,
            retry=Backoff(max_attempts),
        )
        def task(context: procrastinate.JobContext, timestamp: int) -> None:
            run(name, function, job_id=context.job.id)

        return function

    return register


FUNCTIONS: dict[str, Callable[[], None]] = {}  # of the scheduled jobs, by name


def enqueue(
    name: str, *, at: datetime | None = None, waiting_once: str | None = None, **arguments: Any
) -> bool:
    """Enqueue the job ``name`` in the caller's transaction: it exists if that is committed.

    It runs at once, or not before ``at``. With ``waiting_once`` no second job with this key is
    added while one waits; then return False. ``arguments`` are JSON values.
    """

    def defer() -> None:
        connection = db.session.connection().connection.driver_connection
        options = {"connection": connection, "schedule_at": at, "queueing_lock": waiting_once}
        queue.configure_task(name, allow_unknown=False, **options).defer(**arguments)

    if waiting_once is None:
        defer()
        return True
    try:
        with db.session.begin_nested():
            defer()
    except AlreadyEnqueued:
        return False
    return True


def run(name: str, work: Callable[[], None], job_id: int | None = None) -> None:
    """Do ``work`` and commit it together with its JobRun; nothing if ``job_id`` has succeeded.

    Raises what ``work`` raises, after recording it.
    """
    if job_id is not None and JobRun.has_succeeded(job_id):
        db.session.rollback()
        return
    started_at, start = clock.now(), time.monotonic()

    def record(outcome: str, error: str | None = None) -> None:
        duration = Decimal(int((time.monotonic() - start) * 1000)).scaleb(-3)
        values = {"name": name, "job_id": job_id, "started_at": started_at, "duration": duration}
        db.session.add(JobRun(**values, outcome=outcome, error=error))
        db.session.commit()

    try:
        work()
        record("succeeded")
    except Exception as error:
        db.session.rollback()
        record("failed", describe(error))
        raise


def describe(error: Exception) -> str:
    """Return the class and message of ``error``, without row values and not too long."""
    return describe_database_error(error)[:MAX_ERROR_LENGTH]
