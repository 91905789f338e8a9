"""Create the table of what Stripe reported that needs a person."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade():
    op.create_table(
        "payment_exceptions",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("provider_reference", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('amount_mismatch', 'currency_mismatch', 'wrong_mode', 'wrong_account',"
            " 'paid_after_cancellation', 'refund_failed', 'dispute', 'unknown_object',"
            " 'second_intent', 'owed_to_client', 'fee_unknown', 'payout_mismatch',"
            " 'payout_failed', 'other')",
            name=op.f("ck_payment_exceptions_kind"),
        ),
        sa.CheckConstraint(
            "num_nulls(resolved_by, resolved_at) <> 1", name=op.f("ck_payment_exceptions_resolved")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_payment_exceptions_payment_id")
        ),
        sa.ForeignKeyConstraint(
            ["resolved_by"], ["users.id"], name=op.f("fk_payment_exceptions_resolved_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_exceptions")),
        sa.UniqueConstraint("key", name=op.f("uq_payment_exceptions_key")),
    )
    for columns in (["created_at", "id"], ["payment_id"], ["resolved_by"]):
        name = op.f(f"ix_payment_exceptions_{'_'.join(columns)}")
        op.create_index(name, "payment_exceptions", columns)
    op.create_index(
        "ix_payment_exceptions_open",
        "payment_exceptions",
        ["created_at"],
        postgresql_where=sa.text("resolved_at IS NULL"),
    )


def downgrade():
    op.drop_table("payment_exceptions")
