"""Migration 0012 fills in what was received and when, and completes what the old release writes."""

import pytest

from app.database.base import db

from ..support.cli import run_command
from ..support.databases import create_scratch_app

FILL = """
INSERT INTO users (id, name, email, email_key, password_hash, role, disabled, created_at,
                   updated_at)
VALUES (gen_random_uuid(), 'F', 'f@example.org', 'f', '', 'user', false, now(), now());
INSERT INTO waqf_projects (id, name, category, currency, funding_goal, active, raised, pledged,
                           donor_count, donation_count, created_at)
VALUES (gen_random_uuid(), 'A well', 'water', 'USD', 100, true, 0, 0, 0, 0, now());
INSERT INTO waqf_donations (id, project_id, user_id, amount, currency, is_anonymous, status,
                            refunded_amount, disputed_amount, succeeded_at, created_at)
SELECT gen_random_uuid(), p.id, u.id, g.amount, 'USD', false, g.status, g.refunded, 0,
       CASE WHEN g.status = 'succeeded' THEN timestamptz '2026-01-02 00:00Z' END,
       '2026-01-01 00:00Z'
FROM waqf_projects p, users u, (VALUES (10, 'succeeded', 4), (20, 'refunded', 20),
    (30, 'pending', 0), (40, 'cancelled', 0)) g(amount, status, refunded);
INSERT INTO payments (id, donation_id, amount, currency, status, stripe_amount_refunded, superseded,
                      created_at)
SELECT gen_random_uuid(), id, amount, 'USD', replace(status, 'refunded', 'succeeded'), 0, false,
       created_at FROM waqf_donations;
"""
STATE = """
SELECT d.amount::int, d.received_amount::int, p.amount_received::int,
       to_char(p.paid_at AT TIME ZONE 'UTC', 'MM-DD'), p.paid_at IS NOT DISTINCT FROM d.succeeded_at
FROM waqf_donations d JOIN payments p ON p.donation_id = d.id ORDER BY 1
"""


@pytest.fixture
def scratch_app(postgres_url):
    """Yield an app over a database of its own, at the revision before 0012, with donations."""
    with create_scratch_app(postgres_url) as app:
        assert run_command(app, "db", "upgrade", "0011").exit_code == 0
        execute(app, FILL)
        yield app


def execute(app, statement):
    """Execute statements and return the rows of the last one, if it selects any."""
    with app.app_context(), db.engine.begin() as connection:
        result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else None


def test_what_was_received_is_filled_in(scratch_app):
    for _ in range(2):
        assert run_command(scratch_app, "db", "upgrade", "0012").exit_code == 0
        assert execute(scratch_app, STATE) == [
            (10, 10, 10, "01-02", True),
            (20, 20, 20, "01-01", True),
            (30, 0, 0, None, True),
            (40, 0, 0, None, True),
        ]
        assert run_command(scratch_app, "db", "downgrade", "0011").exit_code == 0


def test_a_payment_that_the_old_release_completes_is_received(scratch_app):
    assert run_command(scratch_app, "db", "upgrade", "0012").exit_code == 0
    execute(scratch_app, "UPDATE payments SET status = 'succeeded' WHERE status = 'pending'")
    execute(
        scratch_app,
        "UPDATE waqf_donations SET status = 'refunded', refunded_amount = 30"
        " WHERE status = 'pending'",
    )
    *_, row, _ = execute(scratch_app, STATE)
    assert row[:3] == (30, 30, 30)
    assert row[3] is not None
