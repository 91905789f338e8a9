"""Migration 0014 keeps what is pledged, and the previous release can still insert donations."""

import pytest
from flask_migrate import check

from app.database.base import db
from app.ledger import actions as ledger

from ..support.cli import run_command
from ..support.databases import create_scratch_app

BEFORE = "0013"  # the revision before

ROWS = """
INSERT INTO users (id, name, email, email_key, password_hash, role, disabled, created_at,
        updated_at)
    VALUES (gen_random_uuid(), 'F', 'f@example.org', 'f', '', 'user', false, now(), now());
INSERT INTO waqf_projects (id, name, category, currency, funding_goal, active, raised, pledged,
        donor_count, donation_count, created_at)
    VALUES (gen_random_uuid(), 'A well', 'water', 'USD', 100, true, 0, 500, 0, 0, now());
"""
DONATION = """
INSERT INTO waqf_donations (id, project_id, user_id, amount, currency, is_anonymous, status,
        refunded_amount, disputed_amount, created_at)
    SELECT gen_random_uuid(), p.id, u.id, {amount}, 'USD', false, '{status}', 0, 0, now()
    FROM waqf_projects p, users u
"""
STORED = "SELECT amount, held_amount, channel FROM waqf_donations ORDER BY amount"


@pytest.fixture
def scratch_app(postgres_url):
    """Yield an app over a database of its own, at the revision before 0014."""
    with create_scratch_app(postgres_url) as app:
        assert run_command(app, "db", "upgrade", BEFORE).exit_code == 0
        yield app


def execute(app, statement):
    """Execute ``statement`` and return the rows that it selects, if any."""
    with app.app_context(), db.engine.begin() as connection:
        result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


def test_what_was_pledged_before_stays_pledged(scratch_app):
    for statement in filter(str.strip, ROWS.split(";")):
        execute(scratch_app, statement)
    execute(scratch_app, DONATION.format(amount=500, status="pending"))
    execute(scratch_app, DONATION.format(amount=30, status="failed"))
    assert run_command(scratch_app, "db", "upgrade", "0014").exit_code == 0
    # As the previous release inserts, which still serves.
    execute(scratch_app, DONATION.format(amount=70, status="pending"))
    execute(scratch_app, "UPDATE waqf_projects SET pledged = pledged + 70")
    assert execute(scratch_app, STORED) == [
        (30, None, "stripe"), (70, None, "stripe"), (500, 500, "stripe"),
    ]  # fmt: skip
    assert run_command(scratch_app, "db", "upgrade").exit_code == 0
    with scratch_app.app_context():
        assert list(ledger.check()) == []
    assert run_command(scratch_app, "db", "downgrade", BEFORE).exit_code == 0
    assert execute(scratch_app, "SELECT pledged FROM waqf_projects") == [(570,)]


def test_the_models_are_those_of_the_migrations(scratch_app):
    assert run_command(scratch_app, "db", "upgrade").exit_code == 0
    with scratch_app.app_context():
        check()
