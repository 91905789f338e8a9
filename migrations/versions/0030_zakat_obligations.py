"""Add the zakat that users owe for a Hijri year, and what they have paid of it."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

OBLIGATIONS, PAYMENTS = "zakat_obligations", "zakat_obligation_payments"


def upgrade():
    op.create_table(
        OBLIGATIONS,
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("calculation_id", sa.Uuid()),
        sa.Column("hijri_year", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("due", sa.Numeric(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("due > 0", name=op.f("ck_zakat_obligations_due")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_zakat_obligations_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["calculation_id"],
            ["zakat_calculations.id"],
            name=op.f("fk_zakat_obligations_calculation_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zakat_obligations")),
    )
    op.create_index(
        op.f("ix_zakat_obligations_user_id_hijri_year"),
        OBLIGATIONS,
        ["user_id", "hijri_year"],
        unique=True,
    )
    op.create_index(
        op.f("ix_zakat_obligations_user_id_created_at_id"),
        OBLIGATIONS,
        ["user_id", "created_at", "id"],
    )
    op.create_index(op.f("ix_zakat_obligations_due_on"), OBLIGATIONS, ["due_on"])
    op.create_index(
        "ix_zakat_obligations_calculation_id",
        OBLIGATIONS,
        ["calculation_id"],
        postgresql_where=sa.text("calculation_id IS NOT NULL"),
    )
    op.create_table(
        PAYMENTS,
        sa.Column("obligation_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("recipient", sa.Text()),
        sa.Column("category", sa.Text()),
        sa.Column("reference", sa.Text()),
        sa.Column("donation_id", sa.Uuid()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_zakat_obligation_payments_amount")),
        sa.ForeignKeyConstraint(
            ["obligation_id"],
            ["zakat_obligations.id"],
            name=op.f("fk_zakat_obligation_payments_obligation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["donation_id"],
            ["waqf_donations.id"],
            name=op.f("fk_zakat_obligation_payments_donation_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zakat_obligation_payments")),
    )
    op.create_index(
        op.f("ix_zakat_obligation_payments_obligation_id_paid_on_id"),
        PAYMENTS,
        ["obligation_id", "paid_on", "id"],
    )
    op.create_index(
        "uq_zakat_obligation_payments_donation_id",
        PAYMENTS,
        ["donation_id"],
        unique=True,
        postgresql_where=sa.text("donation_id IS NOT NULL"),
    )


def downgrade():
    op.drop_table(PAYMENTS)
    op.drop_table(OBLIGATIONS)
