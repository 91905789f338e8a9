"""``flask prune``: what is kept for a time only goes, and nothing else."""

import psycopg
import pytest

from app import cli

CALCULATIONS = "/api/zakat/calculations"
NEW = {"wealth": 10000, "nisab": 5000}


@pytest.fixture
def prune(app):
    def run():
        result = app.test_cli_runner().invoke(args=["prune"])
        assert result.exit_code == 0, result.output
        return result.output.split("\n")[:3]

    return run


def keyed(client, key):
    return client.post(CALCULATIONS, json=NEW, headers={"Idempotency-Key": key})


def test_keys_go_after_a_day_and_what_they_made_stays(sign_in, prune, set_clock, sql):
    set_clock("2026-03-01T12:00:00")
    person = sign_in()
    keyed(person, "old")
    set_clock("2026-03-02T11:00:00")
    keyed(person, "new")
    set_clock("2026-03-02T12:00:01")
    assert prune()[0] == "1 idempotency_keys"
    assert sql("SELECT key FROM idempotency_keys") == [("new",)]
    assert sql("SELECT count(*) FROM zakat_calculations") == [(2,)]


def test_a_key_that_somebody_acts_under_stays(sign_in, prune, set_clock, sql):
    set_clock("2026-03-01T12:00:00")
    keyed(sign_in(), "old")
    sql("UPDATE idempotency_keys SET leased_until = '2026-03-05'")
    set_clock("2026-03-04T12:00:00")
    assert prune()[0] == "0 idempotency_keys"


def test_sign_ins_go_when_they_have_run_out(sign_in, prune, set_clock, sql):
    sign_in()
    holding = sign_in()
    sql(
        "UPDATE user_sessions SET expires_at = now() - interval '1 s' WHERE user_id <> %s",
        holding.user.id,
    )
    assert prune()[1] == "1 user_sessions"
    assert holding.get("/api/auth/me").status_code == 200


def test_events_go_after_ninety_days_whether_they_wait_or_not(prune, sql):
    for id, days, waits in [("evt_1", 91, False), ("evt_2", 91, True), ("evt_3", 89, False)]:
        sql(
            "INSERT INTO webhook_events (id, type, updates, unmatched, received_at)"
            " VALUES (%s, 'x', '[]', %s, now() - %s * interval '1 day')",
            id, waits, days,
        )  # fmt: skip
    assert prune()[2] == "2 webhook_events"
    assert sql("SELECT id FROM webhook_events ORDER BY id") == [("evt_3",)]


OLD_EVENTS = (
    "INSERT INTO webhook_events (id, type, updates, unmatched, received_at)"
    " SELECT 'evt_' || n, 'x', '[]', false, '2020-01-01' FROM generate_series(1, 50) n"
)


def test_more_than_a_batch_goes_too(prune, sql, monkeypatch):
    monkeypatch.setattr(cli, "BATCH_SIZE", 7)
    sql(OLD_EVENTS)
    assert prune()[2] == "50 webhook_events"


def test_what_somebody_is_at_is_left_for_the_next_time(prune, sql, database_url):
    sql(OLD_EVENTS)
    with psycopg.connect(database_url) as busy:
        busy.execute("SELECT 1 FROM webhook_events WHERE id = 'evt_7' FOR UPDATE")
        assert prune()[2] == "49 webhook_events"
    assert prune()[2] == "1 webhook_events"
