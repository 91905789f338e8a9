"""GET /metrics: the state of jobs, mails and exceptions, as Prometheus reads it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.database.base import db
from app.http.measurements import METRICS
from app.jobs import queue
from app.notifications.actions import notify

from ..support.assertions import assert_error
from ..support.cli import run_command
from ..support.payments import create_exception
from ..support.routes import UNKNOWN_ID

TOKEN = "zs7QfW2kPqX9vB4n"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
COUNTED = {metric.describe()[0].name for metric in METRICS}  # by processes, not in the database
HAWL = {"completed_on": "2026-02-18"}


@pytest.fixture
def scrape(app, monkeypatch):
    """Return a function that returns the samples by name and labels."""
    monkeypatch.setitem(app.config, "METRICS_TOKEN", TOKEN)

    def get():
        response = app.test_client().get("/metrics", headers=BEARER)
        assert (response.status_code, response.mimetype) == (200, "text/plain")
        families = list(text_string_to_metric_families(response.text))
        assert all(family.documentation for family in families)
        stored = [family for family in families if family.name not in COUNTED]
        assert all(family.type == "gauge" for family in stored)
        samples = [sample for family in stored for sample in family.samples]
        return {(sample.name, *sample.labels.values()): sample.value for sample in samples}

    return get


@pytest.mark.parametrize(
    ("setting", "header", "status", "code"),
    [
        ("", f"Bearer {TOKEN}", 404, "NOT_FOUND"),
        ("", None, 404, "NOT_FOUND"),
        (TOKEN, None, 401, "AUTH_REQUIRED"),
        (TOKEN, "Bearer ", 401, "AUTH_REQUIRED"),
        (TOKEN, TOKEN, 401, "AUTH_REQUIRED"),
        (TOKEN, f"Basic {TOKEN}", 401, "AUTH_REQUIRED"),
        (TOKEN, f"Bearer {TOKEN[:-1]}", 401, "INVALID_TOKEN"),
        (TOKEN, f"Bearer {TOKEN}a", 401, "INVALID_TOKEN"),
        (TOKEN, "Bearer \xe9", 401, "INVALID_TOKEN"),
    ],
)
def test_metrics_need_their_token(app, client, monkeypatch, setting, header, status, code):  # noqa: PLR0917
    monkeypatch.setitem(app.config, "METRICS_TOKEN", setting)
    response = client.get("/metrics", headers={"Authorization": header} if header else {})
    assert_error(response, status, code)
    assert "ose_" not in response.text


def test_a_token_of_a_user_is_no_token_for_the_metrics(app, sign_in, monkeypatch):
    monkeypatch.setitem(app.config, "METRICS_TOKEN", TOKEN)
    assert_error(sign_in("admin").get("/metrics"), 401, "INVALID_TOKEN")


def test_a_new_service_has_a_sample_for_each_job_and_kind_and_no_run(scrape):
    samples = scrape()
    assert samples["ose_jobs_waiting", "default"] == 0
    assert samples["ose_jobs_oldest_due_seconds",] == 0
    jobs = {name for name, *_ in samples if name == "ose_jobs_failed"}
    assert jobs
    assert {label for name, *label in map(list, samples) for label in label} >= {
        *queue.SCHEDULES, "deliver_mail", "dispute", "refused",
    }  # fmt: skip
    assert not any(name.startswith("ose_job_last") for name, *_ in samples)
    assert set(samples.values()) == {0}


def test_waiting_due_and_failed_jobs_are_counted(scrape, app, sql):
    with app.app_context():
        for _ in range(4):
            queue.enqueue("send_refund", refund_id=UNKNOWN_ID)
        db.session.commit()
    first, second, third, _ = (id for (id,) in sql("SELECT id FROM procrastinate_jobs ORDER BY id"))
    sql("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", first)
    sql("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 h' WHERE id = %s", second)
    sql("UPDATE procrastinate_jobs SET scheduled_at = now() - interval '90 s' WHERE id = %s", third)
    samples = scrape()
    assert samples["ose_jobs_waiting", "default"] == 3
    assert 90 <= samples["ose_jobs_oldest_due_seconds",] < 120
    assert (samples["ose_jobs_failed", "send_refund"], samples["ose_jobs_failed", "prune"]) == (
        1,
        0,
    )


def test_the_last_run_and_the_last_success_of_a_scheduled_job_are_shown(scrape, app, sql):
    for outcome, error, hour, duration in (
        ("succeeded", None, 1, 2), ("succeeded", None, 3, 4.5), ("failed", "JobFailed", 5, 0.25),
    ):  # fmt: skip
        sql(
            "INSERT INTO job_runs (id, name, started_at, duration, outcome, error) VALUES"
            " (gen_random_uuid(), 'prune', %s, %s, %s, %s)",
            f"2026-01-26T0{hour}:00:00Z", duration, outcome, error,
        )  # fmt: skip
    samples = scrape()
    assert samples["ose_job_last_success_timestamp_seconds", "prune"] == 1769396404.5
    assert samples["ose_job_last_duration_seconds", "prune"] == 0.25
    assert samples["ose_job_last_succeeded", "prune"] == 0
    assert run_command(app, "jobs", "run", "prune").exit_code == 0  # deletes old runs, not the last
    samples = scrape()
    assert samples["ose_job_last_succeeded", "prune"] == 1
    sql("DELETE FROM job_runs WHERE outcome = 'failed'")
    ((ended,),) = sql(
        "SELECT max(extract(epoch FROM started_at) + duration)::float FROM job_runs"
        " WHERE name = 'prune'"
    )
    assert samples["ose_job_last_success_timestamp_seconds", "prune"] == pytest.approx(ended)


def test_a_success_from_long_ago_is_still_shown_after_pruning(scrape, app, sql):
    insert = (
        "INSERT INTO job_runs (id, name, started_at, duration, outcome, error) VALUES"
        " (gen_random_uuid(), 'check_ledger', now() - %s * interval '1 day', 1, %s, %s)"
    )
    for days, outcome, error in ((50, "succeeded", None), (40, "failed", "x"), (1, "failed", "x")):
        sql(insert, days, outcome, error)
    assert run_command(app, "prune").exit_code == 0
    assert ("ose_job_last_success_timestamp_seconds", "check_ledger") in scrape()
    assert sql("SELECT count(*) FROM job_runs WHERE name = 'check_ledger'") == [(2,)]


def test_waiting_and_given_up_mails_are_counted(scrape, app, make_user, sql):
    user = make_user()
    with app.app_context():
        for key in range(5):
            notify("hawl_completed", str(key), user_id=user.id, facts=HAWL)
        db.session.commit()
    ids = [id for (id,) in sql("SELECT id FROM mails ORDER BY id")]
    for id, reason in zip(ids, ("refused: 550 No such user", "no valid address"), strict=False):
        sql("UPDATE mails SET discarded_at = now(), discard_reason = %s WHERE id = %s", reason, id)
    sql("UPDATE mails SET sent_at = now() WHERE id = %s", ids[2])
    sql(
        "UPDATE procrastinate_jobs SET status = 'failed' WHERE args ->> 'mail_id' = %s", str(ids[3])
    )
    samples = scrape()
    assert samples["ose_mails_waiting",] == 1
    given_up = {label[0]: value for (name, *label), value in samples.items() if "given_up" in name}
    assert given_up == {"refused": 1, "no valid address": 1, "failed": 1}


def test_open_exceptions_are_counted_by_kind(scrape, app, make_user, sql):
    for kind in ("dispute", "dispute", "refund_failed"):
        create_exception(app, kind=kind)
    assert scrape()["ose_payment_exceptions_open", "dispute"] == 2
    resolve = "UPDATE payment_exceptions SET resolved_at = now(), resolved_by = %s WHERE kind = %s"
    sql(resolve, make_user("officer").id, "dispute")
    samples = scrape()
    assert samples["ose_payment_exceptions_open", "dispute"] == 0
    assert samples["ose_payment_exceptions_open", "refund_failed"] == 1
