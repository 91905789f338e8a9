"""Migration 0008 recomputes the counts of projects, and marks what chargebacks took back."""

import pytest

from app.database.base import db

from ..support.cli import run_command
from ..support.databases import create_scratch_app

# Of one user: a named and two anonymous donations, one wholly and one partly lost to a chargeback.
ROWS = """
INSERT INTO users (id, name, email, email_key, password_hash, role, disabled, created_at,
        updated_at)
    VALUES (gen_random_uuid(), 'F', 'f@example.org', 'f', '', 'user', false, now(), now());
INSERT INTO waqf_projects (id, name, category, currency, funding_goal, active, raised, pledged,
        donor_count, donation_count, created_at)
    VALUES (gen_random_uuid(), 'A well', 'water', 'USD', 100, true, 0, 0, 1, 5, now()),
           (gen_random_uuid(), 'Empty', 'water', 'USD', 100, true, 0, 0, 0, 0, now());
INSERT INTO waqf_donations (id, project_id, user_id, amount, currency, is_anonymous, message,
        status, refunded_amount, disputed_amount, created_at)
    SELECT gen_random_uuid(), p.id, u.id, 10, 'USD', g.is_anonymous, g.label, 'succeeded',
           g.refunded, g.disputed, now()
    FROM waqf_projects p, users u,
         (VALUES ('named', false, 0, 0), ('anonymous', true, 0, 0), ('also anonymous', true, 0, 0),
                 ('lost', false, 4, 6), ('partly lost', false, 0, 6))
             AS g(label, is_anonymous, refunded, disputed)
    WHERE p.name = 'A well';
INSERT INTO payments (id, donation_id, amount, currency, status, stripe_amount_refunded,
        superseded, created_at)
    SELECT gen_random_uuid(), id, 10, 'USD', 'succeeded', 0, false, now() FROM waqf_donations;
INSERT INTO payment_reversals (id, payment_id, kind, provider_id, amount, status, created_at)
    SELECT gen_random_uuid(), p.id, 'dispute', 'dp_' || d.id, 6, 'lost', now()
    FROM payments p JOIN waqf_donations d ON d.id = p.donation_id WHERE d.disputed_amount > 0;
"""
COUNTS = "SELECT name, donor_count, donation_count FROM waqf_projects ORDER BY name"
REFUNDED = "SELECT message FROM waqf_donations WHERE status = 'refunded'"


@pytest.fixture
def scratch_app(postgres_url):
    """Yield an app over a database of its own, at the revision before 0008."""
    with create_scratch_app(postgres_url) as app:
        assert run_command(app, "db", "upgrade", "0007").exit_code == 0
        yield app


def execute(app, statement):
    """Execute ``statement`` and return the rows that it selects, if any."""
    with app.app_context(), db.engine.begin() as connection:
        result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


def test_the_counts_are_recomputed_both_ways(scratch_app):
    for statement in filter(str.strip, ROWS.split(";")):
        execute(scratch_app, statement)
    for _ in range(2):
        assert run_command(scratch_app, "db", "upgrade", "0008").exit_code == 0
        assert execute(scratch_app, COUNTS) == [("A well", 3, 4), ("Empty", 0, 0)]
        assert execute(scratch_app, REFUNDED) == [("lost",)]
        assert run_command(scratch_app, "db", "downgrade", "0007").exit_code == 0
        assert execute(scratch_app, COUNTS) == [("A well", 1, 5), ("Empty", 0, 0)]
        assert execute(scratch_app, REFUNDED) == []
