"""The jobs and their last runs, for admins."""

from decimal import Decimal

import pytest

from app import clock
from app.database.base import db
from app.jobs.models import JobRun

from ..support.assertions import assert_error, read_json

JOBS = "/api/jobs"


@pytest.fixture
def failed_run(app):
    with app.app_context():
        JobRun.insert(
            name="prune",
            job_id=None,
            started_at=clock.now(),
            duration=1.25,
            outcome="failed",
            error="The file storage does not respond.",
        )
        db.session.commit()


def test_every_job_is_listed_with_its_schedule_and_last_run(sign_in, failed_run):
    answer = read_json(sign_in("admin").get(JOBS))
    jobs = {job["name"]: job for job in answer["jobs"]}
    assert {"prune", "reconcile_payments"} <= set(jobs)
    assert len(jobs["reconcile_payments"]["schedule"].split()) == 5
    assert jobs["reconcile_payments"]["lastRun"] is None
    run = jobs["prune"]["lastRun"]
    assert (run["outcome"], run["duration"]) == ("failed", Decimal("1.25"))
    assert run["error"] == "The file storage does not respond."
    assert set(answer["queue"]) == {"workers", "waiting", "running", "failed", "longestWait"}


def test_only_admins_see_the_jobs(sign_in, client):
    assert_error(client.get(JOBS), 401, "AUTH_REQUIRED")
    assert_error(sign_in("officer").get(JOBS), 403, "FORBIDDEN")
