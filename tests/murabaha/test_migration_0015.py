"""Migration 0015 makes receipts of the recorded payments, and invents no money."""

import pytest

from app.database.base import db

from ..support.cli import run_command
from ..support.databases import create_scratch_app

# A sale with a down payment and three recorded payments, two of them with the same reference, and
# an offer that the release before this one could still be accepting.
ROWS = """
INSERT INTO users (id, name, email, email_key, password_hash, role, disabled, created_at,
        updated_at)
    VALUES (gen_random_uuid(), 'F', 'f@example.org', 'f', '', 'officer', false, now(), now());
INSERT INTO murabaha_vendors (id, name, active, created_at, updated_at)
    VALUES (gen_random_uuid(), 'Bait', true, now(), now());
INSERT INTO murabaha_applications (id, application_number, user_id, vendor_id, item_description,
        requested_amount, currency, term_months, down_payment, documents, state, cost, profit_rate,
        profit, selling_price, agreed_down_payment, financed, expires_at, acquired_on, rebate,
        created_at, updated_at)
    SELECT gen_random_uuid(), n, u.id, v.id, 'A car', 100, 'USD', 1, 10, '{}', 'acquired', 100, 0,
           0, 100, 10, 90, now() + interval '1 day', '2026-01-20', 0, now(), now()
    FROM users u, murabaha_vendors v, unnest(ARRAY['sold', 'offered']) AS n;
INSERT INTO murabaha_events (id, application_id, user_id, action, from_state, to_state, facts,
        created_at)
    SELECT gen_random_uuid(), a.id, a.user_id, 'record', 'active', 'active', jsonb_build_object(
           'amount', amount, 'method', 'Cheque', 'reference', reference,
           'paid', jsonb_build_object('1', amount)), '2026-02-02T10:00:00Z'
    FROM murabaha_applications a,
         (VALUES (40.5, ' C  17'), (20, 'c 17'), (29.5, 'C18')) AS e(amount, reference)
    WHERE application_number = 'sold';
INSERT INTO murabaha_installments (id, application_id, number, due_date, amount, paid_amount,
        waived, paid_at)
    SELECT gen_random_uuid(), id, 1, '2026-02-26', 90, 90, 0, now() FROM murabaha_applications
    WHERE application_number = 'sold'
"""
ACCEPT = """
BEGIN;
UPDATE murabaha_applications SET accepted_at = now(), state = 'completed'
    WHERE application_number = 'sold';
INSERT INTO ledger_entries (id, fund, currency, kind, subject_id, created_at)
    SELECT id, 'murabaha', 'USD', 'sale', id, now() FROM murabaha_applications
    WHERE application_number = 'sold';
INSERT INTO ledger_postings (entry_id, account, amount)
    SELECT id, account, amount FROM ledger_entries,
           (VALUES ('received elsewhere', 90), ('sales', -90)) AS p(account, amount);
COMMIT
"""
RECEIPTS = (
    "SELECT kind, amount, method, reference, reference_key, received_on::text, parts::text"
    " FROM murabaha_receipts ORDER BY amount DESC"
)
POSTINGS = "SELECT account, amount FROM ledger_postings ORDER BY account"


@pytest.fixture
def scratch_app(postgres_url):
    """Yield an app over a database of its own, at the revision before 0015."""
    with create_scratch_app(postgres_url) as app:
        assert run_command(app, "db", "upgrade", "0013").exit_code == 0
        yield app


def execute(app, statement):
    """Execute ``statement`` and return the rows that it selects, if any."""
    with app.app_context(), db.engine.begin() as connection:
        result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


def test_recorded_payments_become_receipts_and_the_books_stay_as_they_are(scratch_app):
    for statement in ROWS.split(";")[:-1]:
        execute(scratch_app, statement)
    execute(scratch_app, f"BEGIN;{ROWS.rsplit(';', maxsplit=1)[-1]};{ACCEPT.replace('BEGIN;', '')}")
    postings = execute(scratch_app, POSTINGS)
    for _ in range(2):
        assert run_command(scratch_app, "db", "upgrade", "0015").exit_code == 0
        assert execute(scratch_app, RECEIPTS) == [
            (
                *("installment", 40.5, "Cheque", " C  17", "cheque\nc 17", "2026-02-02"),
                '[{"amount": 40.5, "number": 1}]',
            ),
            (
                *("installment", 29.5, "Cheque", "C18", "cheque\nc18", "2026-02-02"),
                '[{"amount": 29.5, "number": 1}]',
            ),
            (
                *("installment", 20, "Cheque", "c 17", None, "2026-02-02"),
                '[{"amount": 20, "number": 1}]',
            ),
        ]
        assert execute(scratch_app, POSTINGS) == postings
        result = run_command(scratch_app, "ledger", "check")
        assert "payment" not in result.output, result.output
        assert run_command(scratch_app, "db", "downgrade", "0013").exit_code == 0


def test_the_models_match_the_migrations(scratch_app):
    assert run_command(scratch_app, "db", "upgrade").exit_code == 0
    result = run_command(scratch_app, "db", "check")
    assert result.exit_code == 0, result.output
