"""Real workers over PostgreSQL: jobs take effect once, also when a worker is killed."""

import time

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.database.base import db
from app.jobs import actions, completion, queue, worker
from app.jobs.models import JobRun

from ..support.cli import run_command
from ..support.concurrency import wait_until
from ..support.databases import create_scratch_app
from ..support.job_worker import JobWorker
from ..support.settings import SOAK

NO_HEARTBEAT = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"
STATUS = "SELECT status::text, attempts FROM procrastinate_jobs WHERE task_name LIKE 'tests.%'"


@pytest.fixture(scope="module")
def scratch_app(postgres_url):
    """Yield an app over a migrated database of its own, with a table for the effects of jobs."""
    with create_scratch_app(postgres_url) as app:
        assert run_command(app, "db", "upgrade").exit_code == 0
        with app.app_context():
            db.session.execute(text("CREATE TABLE effects (number int)"))
            db.session.commit()
        yield app


@pytest.fixture
def app(scratch_app):
    """Yield the app with an empty queue."""
    with scratch_app.app_context():
        db.session.execute(
            text(
                "TRUNCATE effects, job_runs, procrastinate_jobs, procrastinate_events,"
                " procrastinate_workers, procrastinate_periodic_defers"
            )
        )
        db.session.commit()
        yield scratch_app
        db.session.remove()


@pytest.fixture
def make_worker(app, tmp_path):
    """Return a function that starts a worker; the workers that still run are killed at the end."""
    workers = []

    def make():
        workers.append(JobWorker(app.config["DATABASE_URL"], tmp_path))
        return workers[-1]

    yield make
    for each in workers:
        if each.process.poll() is None:
            each.kill()


def rows(statement):
    """Return the rows of ``statement`` as they are committed now."""
    db.session.rollback()
    return [tuple(row) for row in db.session.execute(text(statement))]


def enqueue(name, **arguments):
    queue.enqueue(name, **arguments)
    db.session.commit()


def runs(name):
    return rows(f"SELECT outcome FROM job_runs WHERE name = '{name}' ORDER BY started_at")  # noqa: S608


def test_a_scheduled_job_runs_once_across_two_workers(app, make_worker):
    workers = [make_worker() for _ in range(2)]
    expected = {(name,) for name in queue.SCHEDULES}
    wait_until(lambda: {*rows("SELECT DISTINCT name FROM job_runs")} >= expected)
    wait_until(lambda: rows("SELECT count(*) FROM procrastinate_workers") == [(2,)])
    assert [each.stop() for each in workers] == [0, 0]
    times = (
        "SELECT count(*) FROM job_runs WHERE name IN ('prune', 'check_ledger')"
        " AND outcome = 'succeeded'"
    )
    assert rows(times) == [(2,)]
    # A worker that starts later finds that the times up to now are done.
    third = make_worker()
    wait_until(lambda: rows("SELECT count(*) FROM procrastinate_workers") == [(1,)])
    enqueue("tests.fail")
    wait_until(lambda: runs("tests.fail"))
    assert third.stop() == 0
    assert rows(times) == [(2,)]


def test_the_job_of_a_worker_that_was_killed_is_done_once_by_another(app, make_worker, tmp_path):
    enqueue("tests.insert_slowly", number=1)
    first = make_worker()
    first.wait_for_start()
    first.kill()
    assert rows("SELECT * FROM effects") == []
    assert rows(STATUS) == [("doing", 0)]
    db.session.execute(text(NO_HEARTBEAT))
    db.session.commit()
    (tmp_path / "go").touch()
    second = make_worker()
    wait_until(lambda: runs("tests.insert_slowly"))
    wait_until(lambda: rows(STATUS) == [])
    assert second.stop() == 0
    assert rows("SELECT * FROM effects") == [(1,)]
    assert runs("tests.insert_slowly") == [("succeeded",)]


@pytest.mark.soak
@pytest.mark.skipif(not SOAK, reason="It takes as long as the timeout of a heartbeat.")
def test_the_job_of_a_killed_worker_is_taken_up_within_26_seconds(app, make_worker, tmp_path):
    workers, ids = [], "SELECT id FROM procrastinate_workers ORDER BY id"
    for number in (1, 2):
        workers.append(make_worker())
        wait_until(lambda number=number: len(rows(ids)) == number, timeout=90)
    enqueue("tests.insert_slowly", number=1)
    workers[0].wait_for_start()
    holder = rows("SELECT worker_id FROM procrastinate_jobs WHERE task_name LIKE 'tests.%'")[0]
    workers[rows(ids).index(holder)].kill()
    killed_at = time.monotonic()
    (tmp_path / "go").touch()
    wait_until(lambda: runs("tests.insert_slowly"), timeout=60)
    delay = time.monotonic() - killed_at
    print(f"\ntaken up after {delay:.1f} s")
    assert delay < 26 + 4  # on a busy machine
    assert rows("SELECT * FROM effects") == [(1,)]


def test_a_job_that_succeeded_before_its_worker_died_is_not_done_again(app, make_worker):
    enqueue("tests.insert_slowly", number=1)
    ((job_id,),) = rows("SELECT id FROM procrastinate_jobs")
    values = {"name": "tests.insert_slowly", "job_id": job_id, "outcome": "succeeded"}
    JobRun.insert(**values, started_at=text("now()"), duration=0)
    db.session.execute(text("INSERT INTO effects VALUES (1)"))
    db.session.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))  # without a worker
    db.session.commit()
    again = make_worker()
    wait_until(lambda: rows(STATUS) == [])
    assert again.stop() == 0
    assert rows("SELECT * FROM effects") == [(1,)]


def test_two_runs_of_one_job_at_once_have_one_effect(app):
    """Such as that of a worker which was frozen and taken for dead."""
    enqueue("tests.insert_slowly", number=1)
    ((job_id,),) = rows("SELECT id FROM procrastinate_jobs")
    values = {"job_id": job_id, "outcome": "succeeded", "started_at": text("now()"), "duration": 0}
    JobRun.insert(name="tests.insert_slowly", **values)
    db.session.commit()
    with pytest.raises(IntegrityError):
        JobRun.insert(name="tests.insert_slowly", **values)
    db.session.rollback()


def test_sigterm_lets_the_running_job_finish(app, make_worker, tmp_path):
    enqueue("tests.insert_slowly", number=1)
    enqueue("tests.insert_slowly", number=2)
    enqueue("tests.insert_slowly", number=3)
    only = make_worker()
    only.wait_for_start()
    only.process.terminate()
    (tmp_path / "go").touch()
    assert only.process.wait(60) == 0
    numbers = [number for (number,) in rows("SELECT number FROM effects ORDER BY number")]
    left = rows(STATUS)
    assert numbers == list(range(1, len(numbers) + 1))
    assert left == [("todo", 0)] * (3 - len(numbers))
    assert rows("SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_a_long_job_stops_between_two_items_and_is_left_to_the_next_worker(app, make_worker):
    enqueue("tests.work_on")
    only = make_worker()
    only.wait_for_start()
    assert only.stop() == 0
    assert rows(STATUS) == [("todo", 1)]
    assert rows("SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_a_job_that_fails_leaves_no_effect_and_waits_before_the_next_attempt(app):
    enqueue("tests.fail")
    worker.work(app, wait=False)
    assert rows("SELECT * FROM effects") == []
    assert rows(STATUS) == [("todo", 1)]
    ((wait,),) = rows(
        "SELECT extract(epoch FROM scheduled_at - now())::int FROM procrastinate_jobs"
        " WHERE task_name = 'tests.fail'"
    )
    assert 0 < wait <= queue.FIRST_WAIT
    run = JobRun.last_by_name()["tests.fail"]
    assert (run.outcome, run.error) == ("failed", "JobFailed: as ordered")


def test_a_job_that_kills_its_workers_is_given_up(app):
    enqueue("tests.fail")
    last = {"attempts": queue.MAX_ATTEMPTS - 1}
    db.session.execute(
        text("UPDATE procrastinate_jobs SET status = 'doing', attempts = :attempts"), last
    )
    assert actions.retry_stalled_jobs() == 1
    assert rows(STATUS) == [("failed", queue.MAX_ATTEMPTS)]


def test_the_job_of_a_living_worker_is_left_to_it(app):
    enqueue("tests.fail")
    db.session.execute(
        text(
            "WITH living AS (INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id)"
            " UPDATE procrastinate_jobs SET status = 'doing', worker_id = living.id FROM living"
        )
    )
    assert actions.retry_stalled_jobs() == 0
    assert rows(STATUS) == [("doing", 0)]


# A job that another one with the same key waits behind. Both waiting would break a unique index.

WAITING = "SELECT id, status::text FROM procrastinate_jobs ORDER BY id"


def enqueue_twice(name, status="doing"):
    """Enqueue a job that runs, or has run, and a second one behind it; return the second's id."""
    for change in (f"UPDATE procrastinate_jobs SET status = '{status}'", "SELECT 1"):  # noqa: S608
        assert queue.enqueue(name, waiting_once="key")
        db.session.execute(text(change))
    db.session.commit()
    return rows("SELECT max(id) FROM procrastinate_jobs")[0][0]


def test_a_stalled_job_leaves_its_work_to_one_that_waits_and_others_are_given_back(app):
    enqueue("tests.insert_slowly", number=1)
    db.session.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
    second = enqueue_twice("tests.fail")
    assert actions.retry_stalled_jobs() == 2
    assert rows(WAITING) == [(second - 2, "todo"), (second, "todo")]


def test_of_two_stalled_jobs_with_one_key_one_is_given_back(app):
    enqueue_twice("tests.fail")
    db.session.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
    db.session.commit()
    assert actions.retry_stalled_jobs() == 2
    assert rows(STATUS) == [("todo", 1)]


def test_a_job_that_fails_leaves_its_work_to_one_that_waits(app):
    """Else procrastinate would leave it running for as long as the worker lives."""
    queue.enqueue("tests.enqueue_again_and_fail", waiting_once="key")
    db.session.commit()
    worker.work(app, wait=False)
    assert runs("tests.enqueue_again_and_fail") == [("failed",)]
    assert rows(STATUS) == [("todo", 0)]  # the second one


def test_the_end_of_a_job_is_recorded_when_the_database_is_back(app, monkeypatch):
    finish, errors = JobManager.finish_job, [psycopg.OperationalError("away")] * 2

    async def fail_twice(*arguments):
        if errors:
            raise ConnectorException from errors.pop()
        await finish(*arguments)

    monkeypatch.setattr(JobManager, "finish_job", fail_twice)
    monkeypatch.setattr(completion, "INTERVAL", 0)
    enqueue("tests.insert", number=1)
    worker.work(app, wait=False)
    assert (rows("SELECT * FROM effects"), rows(STATUS), errors) == ([(1,)], [], [])


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("SELECT 1", "no worker"),
        ("INSERT INTO procrastinate_workers DEFAULT VALUES", "ok"),
        (
            "INSERT INTO procrastinate_workers DEFAULT VALUES;"
            "UPDATE procrastinate_events SET at = now() - interval '6 minutes'",
            "late",
        ),
        (
            "INSERT INTO procrastinate_workers DEFAULT VALUES;"
            "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 day';"
            "UPDATE procrastinate_events SET at = now() - interval '6 minutes'",
            "ok",
        ),
    ],
)
def test_readiness_names_the_state_of_the_jobs_and_does_not_depend_on_it(app, change, check):
    enqueue("tests.fail")
    for statement in change.split(";"):
        db.session.execute(text(statement))
    db.session.commit()
    response = app.test_client().get("/api/health/ready")
    assert (response.status_code, response.json["checks"]["jobs"]) == (200, check)
