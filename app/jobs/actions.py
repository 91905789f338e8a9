"""The state of the queue, and the jobs of workers that died."""

from sqlalchemy import text

from ..database.base import db
from .queue import MAX_ATTEMPTS

STALLED_AFTER = 20  # seconds without a heartbeat, which a worker sends every 5
LATE_AFTER = 300  # seconds

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
