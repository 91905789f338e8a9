"""The queue: define jobs, enqueue them in the caller's transaction, run each once in effect.

A job is a function in ``<domain>/jobs.py`` with JSON arguments. It may run twice, when its worker
dies after the work and before the queue knows, so what it does outside the database has to be
repeatable. Its database effects are committed once (``run``).
"""

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from typing import Any

import procrastinate
from procrastinate.exceptions import (
    AlreadyEnqueued,
    ConnectorException,
    JobAborted,
    TaskNotFound,
)
from procrastinate.jobs import Job

from .. import clock
from ..database.base import db
from ..database.prepared import driver_connection
from ..errors import describe_database_error
from .completion import CompletingJobManager
from .models import JobRun

log = logging.getLogger(__name__)

FIRST_WAIT, MAX_WAIT = 10, 3600  # seconds until a failed job is tried again
MAX_ATTEMPTS = 30  # about a day
MAX_DELAY = 26 * 3600  # seconds: a scheduled job that no worker could run then runs late
MAX_ERROR_LENGTH = 500
DEFAULT_QUEUE = "default"  # of all jobs

# It needs no pool: a worker replaces the connector by its own.
queue = procrastinate.App(
    connector=procrastinate.SyncPsycopgConnector(), periodic_defaults={"max_delay": MAX_DELAY}
)
queue.job_manager = CompletingJobManager(queue.connector)

# Inserts jobs through the session's connection, also from a job: there ``queue`` is asynchronous.
inserter = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())

SCHEDULES: dict[str, str] = {}  # cron expressions by the names of scheduled jobs, in UTC
FUNCTIONS: dict[str, Callable[[], None]] = {}  # of the scheduled jobs, by name

_context: ContextVar[procrastinate.JobContext | None] = ContextVar("job", default=None)


class JobFailed(Exception):
    """A job could not do all of its work; the message says what, for the operator."""


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
            run(name, lambda: function(**arguments), context)

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
            run(name, function, context)

        return function

    return register


def stop_if_requested() -> None:
    """End the running job if its worker has to stop, to be continued by another one.

    A job that works through many items calls this between them, after a commit.
    """
    context = _context.get()
    if context and context.should_abort():
        raise JobAborted


def enqueue(
    name: str, *, at: datetime | None = None, waiting_once: str | None = None, **arguments: Any
) -> bool:
    """Enqueue the job ``name`` in the caller's transaction: it exists if that is committed.

    It runs at once, or not before ``at``. With ``waiting_once`` no second job with this key is
    added while one waits; then return False. ``arguments`` are JSON values.
    """

    if name not in queue.tasks:
        raise TaskNotFound(name)

    def defer() -> None:
        db.session.connection()  # begins the transaction
        failure: BaseException | None = None
        with driver_connection() as connection:
            task = inserter.configure_task(
                name, connection=connection, schedule_at=at, queueing_lock=waiting_once
            )
            try:
                task.defer(**arguments)
            except ConnectorException as error:
                failure = error.__cause__ or error
            if failure:  # a lost connection is seen as one; raised above, it would be its own cause
                raise failure

    if waiting_once is None:
        defer()
        return True
    try:
        with db.session.begin_nested():
            defer()
    except AlreadyEnqueued:
        return False
    return True


def run(
    name: str, work: Callable[[], None], context: procrastinate.JobContext | None = None
) -> None:
    """Do ``work`` and commit it together with its JobRun; nothing if the job has succeeded before.

    Raises what ``work`` raises, after recording it. Without ``context`` an operator runs it.
    """
    job_id = context.job.id if context else None
    is_done = job_id is not None and JobRun.has_succeeded(job_id)
    db.session.rollback()  # a job calls Stripe outside a transaction
    if is_done:
        return
    started_at, start = clock.now(), time.monotonic()

    def record(outcome: str, error: str | None = None) -> None:
        milliseconds = int((time.monotonic() - start) * 1000)
        values = {"started_at": started_at, "duration": Decimal(milliseconds).scaleb(-3)}
        JobRun.insert(name=name, job_id=job_id, outcome=outcome, error=error, **values)
        db.session.commit()
        result = outcome if error is None else f"{outcome}, {error}"
        log.info("job %s %s", name, result, extra={"ms": milliseconds})

    token = _context.set(context)
    try:
        work()
        record("succeeded")
    except Exception as error:
        db.session.rollback()
        record("failed", describe(error))
        raise
    finally:
        _context.reset(token)


def describe(error: Exception) -> str:
    """Return the class and message of ``error``, without row values and not too long."""
    return describe_database_error(error)[:MAX_ERROR_LENGTH]
