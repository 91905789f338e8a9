"""The scheduled jobs, and what waits in their queue."""

from marshmallow import fields

from ..http.blueprint import Blueprint
from ..http.fields import Choice, ExactDecimal, StrictInteger, Text, UtcDateTime
from ..http.schemas import Schema
from ..jobs.actions import failed_jobs, read_state
from ..jobs.models import JobRun
from ..jobs.queue import SCHEDULES

bp = Blueprint("jobs", __name__, url_prefix="/api/jobs", description=__doc__)


class JobRunSchema(Schema):
    """One attempt at a job."""

    started_at = UtcDateTime(required=True)
    duration = ExactDecimal(
        required=True, metadata={"example": 0.412, "description": "In seconds."}
    )
    outcome = Choice("succeeded", "failed", required=True)
    error = Text(required=True, allow_none=True, metadata={"example": None})


class JobSchema(Schema):
    """A job, when it runs, and its last run."""

    name = Text(required=True, metadata={"example": "reconcile"})
    schedule = Text(
        required=True,
        allow_none=True,
        metadata={
            "example": "7 * * * *",
            "description": "A cron expression in UTC; null if it runs when it is needed.",
        },
    )
    failed = StrictInteger(
        required=True,
        metadata={"example": 0, "description": "How many failed for good and wait for `retry`."},
    )
    last_run = fields.Nested(JobRunSchema, required=True, allow_none=True)


class QueueSchema(Schema):
    """The workers that live, and how many jobs there are."""

    workers = StrictInteger(required=True, metadata={"example": 1})
    waiting = StrictInteger(
        required=True, metadata={"example": 0, "description": "Those that are due."}
    )
    running = StrictInteger(required=True, metadata={"example": 0})
    failed = StrictInteger(required=True, metadata={"example": 0})
    longest_wait = StrictInteger(
        required=True,
        metadata={"example": 0, "description": "Seconds for which the first has been due."},
    )


class JobsSchema(Schema):
    """All jobs by name, and the state of their queue."""

    jobs = fields.List(fields.Nested(JobSchema), required=True)
    queue = fields.Nested(QueueSchema, required=True)


@bp.get("")
@bp.admins_only
@bp.response(200, JobsSchema)
def list_jobs():
    """List all jobs with their schedules and last runs, and the state of their queue"""
    runs, failed = JobRun.last_by_name(), failed_jobs()
    jobs = [
        {
            "name": name,
            "schedule": SCHEDULES.get(name),
            "failed": len(failed.get(name, [])),
            "last_run": runs.get(name),
        }
        for name in sorted({*SCHEDULES, *runs, *failed})
    ]
    state = read_state()
    queue = {**state._asdict(), "longest_wait": int(state.longest_wait)}
    return {"jobs": jobs, "queue": queue}
