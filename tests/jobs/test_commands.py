"""``flask jobs``, and what each scheduled job does."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import procrastinate
import pytest
from procrastinate.schema import SchemaManager

from app.database.base import db
from app.dev import local
from app.jobs import queue

from ..support.cli import run_command
from ..support.processes import ROOT
from ..support.routes import UNKNOWN_ID

EXCEPTIONS = "SELECT kind, facts FROM payment_exceptions"


@pytest.fixture
def run_jobs(app):
    """Return a function that runs ``flask jobs …`` and returns its exit code and lines."""

    def run(*command):
        result = run_command(app, "jobs", *command)
        return result.exit_code, result.output.splitlines()

    return run


@pytest.mark.parametrize("name", sorted(queue.SCHEDULES))
def test_a_scheduled_job_is_run_by_hand_and_listed_with_its_result(
    run_jobs, stripe_server, sql, name
):
    def line_of_job():
        code, lines = run_jobs("list")
        assert code == 0
        (line,) = [line for line in lines if line.startswith(f"{name} ")]
        return line

    assert line_of_job().endswith("never run")
    assert queue.SCHEDULES[name] in line_of_job()
    for _ in range(2):  # it can be repeated
        code, lines = run_jobs("run", name)
        assert (code, lines[-1].split()[-1]) == (0, "succeeded"), lines
    assert line_of_job().endswith(" s succeeded")
    assert sql("SELECT name, outcome FROM job_runs") == [(name, "succeeded")] * 2


def test_a_job_that_fails_is_listed_with_its_error(run_jobs, monkeypatch, sql):
    def fail():
        raise queue.JobFailed("2 checked, 1 failed")

    monkeypatch.setitem(queue.FUNCTIONS, "prune", fail)
    assert run_jobs("run", "prune") == (1, ["Error: JobFailed: 2 checked, 1 failed"])
    assert "failed: JobFailed: 2 checked, 1 failed" in "".join(run_jobs("list")[1])
    assert sql("SELECT outcome FROM job_runs") == [("failed",)]


@pytest.fixture
def failed_jobs(app, sql):
    """Return the ids of two jobs that failed for good, each with another name."""
    with app.app_context():
        queue.enqueue("send_refund", refund_id=UNKNOWN_ID)
        queue.enqueue("make_export", export_id=UNKNOWN_ID)
        db.session.commit()
    sql("UPDATE procrastinate_jobs SET status = 'failed', attempts = 30")
    return [id for (id,) in sql("SELECT id FROM procrastinate_jobs ORDER BY id")]


STATES = "SELECT status::text, attempts FROM procrastinate_jobs ORDER BY id"


@pytest.mark.parametrize(
    ("argument", "states"),
    [
        ((), [("todo", 0), ("todo", 0)]),
        (("send_refund",), [("todo", 0), ("failed", 30)]),
        (("1",), [("failed", 30), ("todo", 0)]),  # index of the id
        (("prune",), [("failed", 30), ("failed", 30)]),  # none of these has failed
    ],
)
def test_failed_jobs_are_listed_and_tried_again(run_jobs, failed_jobs, sql, argument, states):
    lines = run_jobs("list")[1]
    for name, id in zip(("send_refund", "make_export"), failed_jobs, strict=True):
        assert f"{name:<20} 1 failed for good: {id}" in lines
    argument = [str(failed_jobs[int(text)]) if text.isdecimal() else text for text in argument]
    code, lines = run_jobs("retry", *argument)
    assert (code, lines) == (0, [f"{states.count(('todo', 0))} to be tried again"])
    assert sql(STATES) == states
    command = " ".join(("jobs retry", *argument))
    assert sql("SELECT action FROM audit_events") == [(command,)]


@pytest.mark.parametrize("argument", ["no_such_job", "0", "9" * 20])
def test_a_job_that_has_not_failed_cannot_be_tried_again(run_jobs, failed_jobs, sql, argument):
    assert run_jobs("retry", argument)[0] == 2
    assert sql(STATES) == [("failed", 30)] * 2
    assert sql("SELECT action FROM audit_events") == []


def test_a_failed_job_leaves_its_work_to_one_that_waits_with_its_key(app, run_jobs, sql):
    with app.app_context():
        for _ in range(2):
            assert queue.enqueue("fetch_balance", waiting_once="fetch_balance")
            db.session.commit()
            sql("UPDATE procrastinate_jobs SET status = 'failed'")
        assert queue.enqueue("fetch_balance", waiting_once="fetch_balance")
        db.session.commit()
    assert run_jobs("retry")[0] == 0
    assert sql(STATES) == [("todo", 0)]


def test_an_unknown_job_is_refused_with_the_names_of_the_others(run_jobs):
    code, lines = run_jobs("run", "no_such_job")
    assert code == 2
    assert all(name in "".join(lines) for name in queue.SCHEDULES)


def test_a_difference_in_the_ledger_is_an_exception_once(run_jobs, make_project, sql):
    make_project()
    assert run_jobs("run", "check_ledger")[0] == 0
    assert sql(EXCEPTIONS) == []
    sql("UPDATE waqf_projects SET raised = 7")
    for _ in range(2):
        assert run_jobs("run", "check_ledger")[0] == 0
    assert sql(EXCEPTIONS) == [("ledger_difference", {"count": 1})]
    sql("UPDATE waqf_projects SET raised = 8")
    assert run_jobs("run", "check_ledger")[0] == 0
    assert len(sql(EXCEPTIONS)) == 2


def test_reconciliation_fails_if_stripe_does_not_answer(run_jobs, make_app, sql):
    app = make_app(stripe_secret_key="sk_test_x", stripe_api_base="http://127.0.0.1:9")
    result = run_command(app, "jobs", "run", "reconcile_payments")
    assert result.exit_code == 1
    assert sql("SELECT outcome, error FROM job_runs")[0][0] == "failed"


def test_without_a_key_there_is_nothing_to_reconcile(make_app):
    result = run_command(make_app(stripe_secret_key=""), "jobs", "run", "reconcile_payments")
    assert result.exit_code == 0, result.output


def test_old_runs_are_pruned_except_the_last_of_each_job(run_jobs, sql):
    for name, days in (("a", 31), ("a", 40), ("b", 29), ("b", 31)):
        sql(
            "INSERT INTO job_runs (id, name, started_at, duration, outcome) VALUES"
            " (gen_random_uuid(), %s, now() - %s * interval '1 day', 1, 'succeeded')",
            name, days,
        )  # fmt: skip
    assert run_jobs("run", "prune")[0] == 0
    left = "SELECT name, extract(day FROM now() - started_at)::int FROM job_runs WHERE name < 'c'"
    assert sorted(sql(left)) == [("a", 31), ("b", 29)]


def test_retries_wait_twice_as_long_each_time_up_to_an_hour_for_about_a_day():
    strategy, waits = queue.Backoff(queue.MAX_ATTEMPTS), []
    for attempts in range(queue.MAX_ATTEMPTS):
        job = SimpleNamespace(attempts=attempts)
        decision = strategy.get_retry_decision(exception=ValueError(), job=job)
        if attempts == queue.MAX_ATTEMPTS - 1:
            assert decision is None
        else:
            wait = decision.retry_at - procrastinate.utils.utcnow()
            waits.append(round(wait.total_seconds()))
    assert waits[:3] == [10, 20, 40]
    assert all(later in (2 * earlier, 3600) for earlier, later in pairwise(waits))
    assert 18 * 3600 < sum(waits) < 30 * 3600


def test_the_migrated_schema_is_that_of_the_installed_procrastinate():
    """A new release of it comes with a migration that applies its changes."""
    schema = ROOT / "migrations" / "procrastinate" / f"{procrastinate.__version__}.sql"
    assert schema.read_text() == SchemaManager.get_schema()


def test_the_worker_of_the_procfile_is_that_of_make_run():
    lines = Path(ROOT / "Procfile").read_text().splitlines()
    (worker,) = [line for line in lines if line.startswith("worker:")]
    assert worker == f"worker: {' '.join(local.FLASK[2:])} jobs work"
