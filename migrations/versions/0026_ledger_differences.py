"""Let a difference between the ledger and stored totals be a kind of payment exception."""

from alembic import op

revision = "0026"
down_revision = "0025"

CONSTRAINT = "ck_payment_exceptions_kind"
FORMER_KINDS = (
    "amount_mismatch",
    "currency_mismatch",
    "wrong_mode",
    "wrong_account",
    "paid_after_cancellation",
    "refund_failed",
    "dispute",
    "unknown_object",
    "second_intent",
    "owed_to_client",
    "fee_unknown",
    "payout_mismatch",
    "payout_failed",
    "other",
)


def upgrade():
    replace_kinds((*FORMER_KINDS, "ledger_difference"))


def downgrade():
    op.execute("UPDATE payment_exceptions SET kind = 'other' WHERE kind = 'ledger_difference'")
    replace_kinds(FORMER_KINDS)


def replace_kinds(kinds):
    op.drop_constraint(op.f(CONSTRAINT), "payment_exceptions")
    op.create_check_constraint(op.f(CONSTRAINT), "payment_exceptions", f"kind IN {kinds}")
