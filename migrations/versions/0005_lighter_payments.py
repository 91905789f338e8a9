"""Add superseded payments and the time of the last event; drop the payer and indexes of NULLs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# Restore the payers from the donations and applications that the payments belong to.
PAYERS = """
UPDATE payments p SET user_id = coalesce(
    (SELECT d.user_id FROM waqf_donations d WHERE d.id = p.donation_id),
    (SELECT a.user_id FROM murabaha_installments i
     JOIN murabaha_applications a ON a.id = i.application_id WHERE i.id = p.installment_id))
"""


def upgrade():
    op.add_column("payments", sa.Column("told_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "payments",
        sa.Column("superseded", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.alter_column("payments", "superseded", server_default=None)
    op.drop_index("uq_payments_open_installment", "payments")
    op.create_index(
        "uq_payments_open_installment",
        "payments",
        ["installment_id"],
        unique=True,
        postgresql_where=sa.text("status = 'pending' AND NOT superseded"),
    )
    op.drop_column("payments", "user_id")
    op.drop_index("ix_payments_installment_id", "payments")
    op.create_index(
        "ix_payments_installment_id",
        "payments",
        ["installment_id"],
        postgresql_where=sa.text("installment_id IS NOT NULL"),
    )
    op.drop_constraint("uq_payments_intent_id", "payments")
    op.create_index(
        "uq_payments_intent_id",
        "payments",
        ["intent_id"],
        unique=True,
        postgresql_where=sa.text("intent_id IS NOT NULL"),
    )
    op.drop_index("ix_waqf_donations_project_id_user_id_status", "waqf_donations")
    op.create_index(
        "ix_waqf_donations_donors",
        "waqf_donations",
        ["project_id", "user_id"],
        postgresql_where=sa.text("status = 'succeeded'"),
    )
    op.drop_constraint("uq_waqf_donations_receipt_number", "waqf_donations")
    op.create_index(
        "uq_waqf_donations_receipt_number",
        "waqf_donations",
        ["receipt_number"],
        unique=True,
        postgresql_where=sa.text("receipt_number IS NOT NULL"),
    )


def downgrade():
    op.drop_index("uq_waqf_donations_receipt_number", "waqf_donations")
    op.create_unique_constraint(
        "uq_waqf_donations_receipt_number", "waqf_donations", ["receipt_number"]
    )
    op.drop_index("ix_waqf_donations_donors", "waqf_donations")
    op.create_index(
        "ix_waqf_donations_project_id_user_id_status",
        "waqf_donations",
        ["project_id", "user_id", "status"],
    )
    op.drop_index("uq_payments_intent_id", "payments")
    op.create_unique_constraint("uq_payments_intent_id", "payments", ["intent_id"])
    op.drop_index("ix_payments_installment_id", "payments")
    op.create_index("ix_payments_installment_id", "payments", ["installment_id"])
    op.add_column("payments", sa.Column("user_id", sa.Uuid(), nullable=True))
    op.execute(PAYERS)
    op.alter_column("payments", "user_id", nullable=False)
    op.create_foreign_key("fk_payments_user_id", "payments", "users", ["user_id"], ["id"])
    op.create_index("ix_payments_user_id", "payments", ["user_id"])
    op.drop_index("uq_payments_open_installment", "payments")
    op.create_index(
        "uq_payments_open_installment",
        "payments",
        ["installment_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('pending', 'processing')"),
    )
    op.drop_column("payments", "superseded")
    op.drop_column("payments", "told_at")
