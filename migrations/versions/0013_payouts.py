"""Create the tables of Stripe's balance transactions and payouts."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade():
    op.create_table(
        "payouts",
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("arrives_on", sa.Date(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("bank_reference", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("lines_ready", sa.Boolean(), nullable=False),
        sa.Column("lines_complete", sa.Boolean(), nullable=False),
        sa.Column("charges", sa.Numeric(), nullable=False),
        sa.Column("refunds", sa.Numeric(), nullable=False),
        sa.Column("fees", sa.Numeric(), nullable=False),
        sa.Column("other", sa.Numeric(), nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("unmatched", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'in_transit', 'paid', 'failed', 'canceled')",
            name=op.f("ck_payouts_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payouts")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_payouts_provider_id")),
    )
    op.create_index(op.f("ix_payouts_occurred_at_id"), "payouts", ["occurred_at", "id"])
    op.create_index("ix_payouts_arrives_on", "payouts", ["arrives_on"])
    op.create_table(
        "balance_transactions",
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("reporting_category", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("fee", sa.Numeric(), nullable=False),
        sa.Column("net", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("source_amount", sa.Numeric(), nullable=False),
        sa.Column("source_currency", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=True),
        sa.Column("intent_id", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("match", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("fund", sa.Text(), nullable=True),
        sa.Column("payout_id", sa.Uuid(), nullable=True),
        sa.Column("available_on", sa.DateTime(timezone=True), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "match IN ('payment', 'fee', 'payout', 'topup', 'unmatched')",
            name=op.f("ck_balance_transactions_match"),
        ),
        sa.CheckConstraint("net = amount - fee", name=op.f("ck_balance_transactions_net")),
        sa.CheckConstraint(
            "match <> 'payment' OR payment_id IS NOT NULL",
            name=op.f("ck_balance_transactions_payment"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_balance_transactions_payment_id")
        ),
        sa.ForeignKeyConstraint(
            ["payout_id"], ["payouts.id"], name=op.f("fk_balance_transactions_payout_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_balance_transactions")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_balance_transactions_provider_id")),
    )
    op.create_index(
        op.f("ix_balance_transactions_payment_id"), "balance_transactions", ["payment_id"]
    )
    op.create_index("ix_balance_transactions_source_id", "balance_transactions", ["source_id"])
    op.create_index(
        op.f("ix_balance_transactions_payout_id_occurred_at_id"),
        "balance_transactions",
        ["payout_id", "occurred_at", "id"],
    )
    op.create_index(
        "ix_balance_transactions_unbooked",
        "balance_transactions",
        ["intent_id"],
        postgresql_where=sa.text("fund IS NULL AND match IN ('payment', 'unmatched')"),
    )
    op.create_table(
        "fetch_positions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("fetched_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_fetch_positions")),
    )


def downgrade():
    op.drop_table("fetch_positions")
    op.drop_table("balance_transactions")
    op.drop_table("payouts")
