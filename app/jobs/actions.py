"""The state of the queue, and the jobs of workers that died."""

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import distinct_on

from .. import clock
from ..database.base import db
from .models import JobRun
from .queue import MAX_ATTEMPTS

STALLED_AFTER = 20  # seconds without a heartbeat, which a worker sends every 5
LATE_AFTER = 300  # seconds that a job may wait although it is due
RUNS_AGE = timedelta(days=30)  # of what is deleted: runs, and jobs that have failed for good

# In one statement, so that workers that look at once do not give back the same job twice.
RETRY_STALLED = """
    WITH stalled AS (
        SELECT job.id, job.attempts FROM procrastinate_jobs job
        WHERE job.status = 'doing' AND NOT EXISTS (
            SELECT FROM procrastinate_workers worker WHERE worker.id = job.worker_id
            AND worker.last_heartbeat > now() - make_interval(secs => :stalled_after)
        )
        FOR UPDATE OF job SKIP LOCKED
    )
    SELECT CASE WHEN attempts + 1 >= :max_attempts
        THEN procrastinate_finish_job_v1(id, 'failed', false)
        ELSE procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL)
    END FROM stalled
"""


def retry_stalled_jobs() -> int:
    """Let the running jobs of workers without a heartbeat run again; return their number."""
    values = {"stalled_after": STALLED_AFTER, "max_attempts": MAX_ATTEMPTS}
    jobs = db.session.execute(text(RETRY_STALLED), values).all()
    db.session.commit()
    return len(jobs)


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


def delete_old_runs() -> int:
    """Delete old runs except the last of each job, and jobs that failed; return the runs' number.

    The caller commits.
    """
    last = db.select(JobRun.id).ext(distinct_on(JobRun.name))
    last = last.order_by(JobRun.name, JobRun.started_at.desc())
    old = db.delete(JobRun).where(
        JobRun.started_at < clock.now() - RUNS_AGE, JobRun.id.not_in(last)
    )
    deleted = db.session.execute(old, execution_options={"synchronize_session": False})
    db.session.execute(text(DELETE_FAILED), {"age": RUNS_AGE.total_seconds()})
    return int(deleted.rowcount)  # type: ignore[attr-defined]
