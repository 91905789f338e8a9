"""Store what Stripe has received for a payment, when, and how far its payer has come.

The previous release can serve beside it: what it does not write, triggers complete. They do nothing
for this release, which writes the columns itself, and can be dropped by a later migration.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

# Before the rows of payments, because a payment's update locks the payment first.
LOCK = "LOCK TABLE payments, waqf_donations IN ACCESS EXCLUSIVE MODE"

COMPLETE_PAYMENT = """
CREATE FUNCTION complete_received_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.amount_received := NEW.amount;
    NEW.paid_at := now();
    RETURN NEW;
END $$
"""
PAYMENT_TRIGGER = """
CREATE TRIGGER received_payments_are_complete BEFORE UPDATE OF status ON payments
FOR EACH ROW WHEN (NEW.status = 'succeeded' AND NEW.paid_at IS NULL)
EXECUTE FUNCTION complete_received_payment()
"""
COMPLETE_DONATION = """
CREATE FUNCTION complete_received_donation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.received_amount := NEW.amount;
    RETURN NEW;
END $$
"""
DONATION_TRIGGER = """
CREATE TRIGGER received_donations_are_complete BEFORE UPDATE OF status ON waqf_donations
FOR EACH ROW WHEN (NEW.status IN ('succeeded', 'refunded') AND NEW.received_amount = 0)
EXECUTE FUNCTION complete_received_donation()
"""

FILL_DONATIONS = """
UPDATE waqf_donations SET received_amount = amount WHERE status IN ('succeeded', 'refunded')
"""
FILL_PAYMENTS = """
UPDATE payments p SET amount_received = amount, paid_at = coalesce(
    (SELECT d.succeeded_at FROM waqf_donations d WHERE d.id = p.donation_id),
    (SELECT min(e.created_at) FROM ledger_entries e WHERE e.payment_id = p.id),
    p.created_at)
WHERE status = 'succeeded'
"""
FILL_TIMES = """
UPDATE waqf_donations d SET succeeded_at = p.paid_at
FROM payments p WHERE p.donation_id = d.id AND p.status = 'succeeded' AND d.succeeded_at IS NULL
"""


def upgrade():
    op.execute(LOCK)
    zero = sa.text("0")
    for column in (
        sa.Column("amount_received", sa.Numeric(), server_default=zero, nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=True),
        sa.Column("next_action", sa.Text(), nullable=True),
        sa.Column("has_begun", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("payments", column)
    op.add_column(
        "waqf_donations",
        sa.Column("received_amount", sa.Numeric(), server_default=zero, nullable=False),
    )
    for statement in (FILL_DONATIONS, FILL_PAYMENTS, FILL_TIMES):
        op.execute(statement)
    _replace_checks(
        "amount > 0 AND amount_received >= 0 AND stripe_amount_refunded >= 0",
        limit="received_amount",
    )
    for statement in (COMPLETE_PAYMENT, PAYMENT_TRIGGER, COMPLETE_DONATION, DONATION_TRIGGER):
        op.execute(statement)


def downgrade():
    op.execute(LOCK)
    op.execute("DROP TRIGGER received_donations_are_complete ON waqf_donations")
    op.execute("DROP TRIGGER received_payments_are_complete ON payments")
    op.execute("DROP FUNCTION complete_received_donation, complete_received_payment")
    _replace_checks("amount > 0 AND stripe_amount_refunded >= 0", limit="amount")
    op.drop_column("waqf_donations", "received_amount")
    for name in ("paid_at", "has_begun", "next_action", "charge_id", "amount_received"):
        op.drop_column("payments", name)


def _replace_checks(payment_amounts, *, limit):
    """Replace the checks of a payment's amounts, and of what a donation can have returned."""
    op.drop_constraint(op.f("ck_payments_amount"), "payments")
    op.create_check_constraint(op.f("ck_payments_amount"), "payments", payment_amounts)
    op.drop_constraint(op.f("ck_waqf_donations_amount"), "waqf_donations")
    op.create_check_constraint(
        op.f("ck_waqf_donations_amount"),
        "waqf_donations",
        "amount > 0 AND refunded_amount >= 0 AND disputed_amount >= 0"
        f" AND refunded_amount + disputed_amount <= {limit}",
    )
