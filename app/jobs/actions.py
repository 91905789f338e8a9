"""The state of the queue, and the jobs of workers that died."""

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import IntegrityError

from .. import clock
from ..database.base import db
from .models import JobRun
from .queue import DEFAULT_QUEUE, MAX_ATTEMPTS

STALLED_AFTER = 20  # seconds without a heartbeat, which a worker sends every 5
LATE_AFTER = 300  # seconds that a job may wait although it is due
RUNS_AGE = timedelta(days=30)  # of what is deleted: runs, and jobs that have failed for good

STALLED = """
    SELECT job.id, job.attempts FROM procrastinate_jobs job
    WHERE job.status = 'doing' AND NOT EXISTS (
        SELECT FROM procrastinate_workers worker WHERE worker.id = job.worker_id
        AND worker.last_heartbeat > now() - make_interval(secs => :stalled_after)
    )
    ORDER BY job.id FOR UPDATE OF job SKIP LOCKED
"""
FAILED = """
    SELECT job.id, job.attempts FROM procrastinate_jobs job
    WHERE job.status = 'failed' AND (CAST(:name AS text) IS NULL OR job.task_name = :name)
    AND (CAST(:id AS bigint) IS NULL OR job.id = :id)
    ORDER BY job.id FOR UPDATE OF job
"""
RETRY = "SELECT procrastinate_retry_job_v2(:id, now(), NULL, NULL, NULL)"
GIVE_UP = "SELECT procrastinate_finish_job_v1(:id, 'failed', false)"
DELETE = "DELETE FROM procrastinate_jobs WHERE id = :id"
START_OVER = "UPDATE procrastinate_jobs SET attempts = 0 WHERE id = :id"


def retry_stalled_jobs() -> int:
    """Let the running jobs of workers without a heartbeat run again; return their number.

    Their rows stay locked, so that workers that look at once do not give back the same job twice.
    """
    jobs = db.session.execute(text(STALLED), {"stalled_after": STALLED_AFTER}).all()
    for id, attempts in jobs:
        if attempts + 1 >= MAX_ATTEMPTS:
            db.session.execute(text(GIVE_UP), {"id": id})
        else:
            _retry(id)
    db.session.commit()
    return len(jobs)


def retry_failed_jobs(*, name: str | None = None, id: int | None = None) -> int:
    """Let jobs that failed for good run again, with all their attempts; return their number.

    All of them, or those called ``name``, or the one with ``id``. The caller commits.
    """
    jobs = db.session.execute(text(FAILED), {"name": name, "id": id}).all()
    for job in jobs:
        _retry(job.id)
        db.session.execute(text(START_OVER), {"id": job.id})
    return len(jobs)


def _retry(id: int) -> None:
    """Let a job wait again; delete it if another one with its ``waiting_once`` waits already.

    That one does the same work. Both would violate the unique index of waiting jobs.
    """
    try:
        with db.session.begin_nested():
            db.session.execute(text(RETRY), {"id": id})
    except IntegrityError:
        db.session.execute(text(DELETE), {"id": id})


STATE = """
    SELECT
        (SELECT count(*) FROM procrastinate_workers
         WHERE last_heartbeat > now() - make_interval(secs => :stalled_after)) AS workers,
        count(*) FILTER (WHERE job.status = 'todo' AND due.at <= now()) AS waiting,
        count(*) FILTER (WHERE job.status = 'doing') AS running,
        count(*) FILTER (WHERE job.status = 'failed') AS failed,
        coalesce(extract(epoch FROM now() - min(due.at) FILTER (
            WHERE job.status = 'todo' AND due.at <= now())), 0)::float AS longest_wait
    FROM procrastinate_jobs job
    CROSS JOIN LATERAL (
        SELECT coalesce(job.scheduled_at, min(event.at)) AS at FROM procrastinate_events event
        WHERE event.job_id = job.id AND event.type = 'deferred'
    ) AS due
"""
WAITING = """
    SELECT queue_name, count(*) FROM procrastinate_jobs WHERE status = 'todo' GROUP BY queue_name
"""
FAILED_BY_NAME = """
    SELECT task_name, array_agg(id ORDER BY id) FROM procrastinate_jobs
    WHERE status = 'failed' GROUP BY task_name ORDER BY task_name
"""
DELETE_FAILED = """
    DELETE FROM procrastinate_jobs job
    WHERE status IN ('failed', 'cancelled', 'aborted', 'succeeded') AND NOT EXISTS (
        SELECT FROM procrastinate_events event
        WHERE event.job_id = job.id AND event.at > now() - make_interval(secs => :age)
    )
"""


class QueueState(NamedTuple):
    """How many workers live, how many jobs there are, and how long the first has been due."""

    workers: int
    waiting: int  # and due
    running: int
    failed: int  # for good
    longest_wait: float  # seconds

    @property
    def check(self) -> str:
        """The state as one word for readiness."""
        if not self.workers:
            return "no worker"
        return "late" if self.longest_wait > LATE_AFTER else "ok"


def read_state() -> QueueState:
    """Return the state of the queue, by the database's clock."""
    row = db.session.execute(text(STATE), {"stalled_after": STALLED_AFTER}).one()
    return QueueState(*row)


def count_waiting_jobs() -> dict[str, int]:
    """Return how many jobs wait in each queue, also those that are not due yet."""
    counts = {queue_name: number for queue_name, number in db.session.execute(text(WAITING))}  # noqa: C416
    return {DEFAULT_QUEUE: 0, **counts}


def failed_jobs() -> dict[str, list[int]]:
    """Return the ids of the jobs that failed for good, by name."""
    rows = db.session.execute(text(FAILED_BY_NAME))
    return {name: ids for name, ids in rows}  # noqa: C416 (mypy: a Row is no pair)


def delete_old_runs() -> int:
    """Delete old runs except the last of each job and outcome, and jobs that failed.

    Return the number of runs.
    The caller commits.
    """
    last = db.select(JobRun.id).ext(distinct_on(JobRun.name, JobRun.outcome))
    last = last.order_by(JobRun.name, JobRun.outcome, JobRun.started_at.desc())
    old = db.delete(JobRun).where(
        JobRun.started_at < clock.now() - RUNS_AGE, JobRun.id.not_in(last)
    )
    deleted = db.session.execute(old, execution_options={"synchronize_session": False})
    db.session.execute(text(DELETE_FAILED), {"age": RUNS_AGE.total_seconds()})
    return int(deleted.rowcount)  # type: ignore[attr-defined]
