"""``flask prune`` deletes expired rows and no others."""

import psycopg
import pytest

from app.system import jobs

from .support.cli import run_command
from .support.idempotency import post_with_key


@pytest.fixture
def prune(app):
    """Return a function that runs the command and returns its lines."""

    def run_prune():
        result = run_command(app, "prune")
        assert result.exit_code == 0, result.output
        return result.output.split("\n")[:3]

    return run_prune


def test_keys_are_deleted_after_a_day_without_the_rows_they_created(sign_in, prune, set_clock, sql):
    set_clock("2026-03-01T12:00:00")
    user = sign_in()
    post_with_key(user, "old")
    set_clock("2026-03-02T11:00:00")
    post_with_key(user, "new")
    set_clock("2026-03-02T12:00:01")
    assert prune()[0] == "1 idempotency_keys"
    assert sql("SELECT key FROM idempotency_keys") == [("new",)]
    assert sql("SELECT count(*) FROM zakat_calculations") == [(2,)]


def test_a_leased_key_is_not_deleted(sign_in, prune, set_clock, sql):
    set_clock("2026-03-01T12:00:00")
    post_with_key(sign_in(), "old")
    sql("UPDATE idempotency_keys SET leased_until = '2026-03-05'")
    set_clock("2026-03-04T12:00:00")
    assert prune()[0] == "0 idempotency_keys"


def test_expired_sessions_are_deleted(sign_in, prune, set_clock, sql):
    sign_in()
    active = sign_in()
    sql(
        "UPDATE user_sessions SET expires_at = now() - interval '1 s' WHERE user_id <> %s",
        active.user.id,
    )
    assert prune()[1] == "1 user_sessions"
    assert active.get("/api/auth/me").status_code == 200


def test_events_are_deleted_after_ninety_days_matched_or_not(prune, sql):
    for id, days, unmatched in [("evt_1", 91, False), ("evt_2", 91, True), ("evt_3", 89, False)]:
        sql(
            "INSERT INTO webhook_events (id, type, updates, unmatched, received_at)"
            " VALUES (%s, 'x', '[]', %s, now() - %s * interval '1 day')",
            id, unmatched, days,
        )  # fmt: skip
    assert prune()[2] == "2 webhook_events"
    assert sql("SELECT id FROM webhook_events ORDER BY id") == [("evt_3",)]


INSERT_OLD_EVENTS = (
    "INSERT INTO webhook_events (id, type, updates, unmatched, received_at)"
    " SELECT 'evt_' || n, 'x', '[]', false, '2020-01-01' FROM generate_series(1, 50) n"
)


def test_more_rows_than_one_batch_are_deleted(prune, sql, monkeypatch):
    monkeypatch.setattr(jobs, "BATCH_SIZE", 7)
    sql(INSERT_OLD_EVENTS)
    assert prune()[2] == "50 webhook_events"


def test_locked_rows_are_left_for_the_next_run(prune, sql, database_url):
    sql(INSERT_OLD_EVENTS)
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT 1 FROM webhook_events WHERE id = 'evt_7' FOR UPDATE")
        assert prune()[2] == "49 webhook_events"
    assert prune()[2] == "1 webhook_events"
