"""Add what pledges hold, dedications, donations from outside Stripe, and disbursements.

The previous release can serve beside it. It inserts donations without ``held_amount``, which then
counts as the whole amount, as that release counts it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

GUARDS = """
CREATE TRIGGER disbursements_are_never_changed BEFORE UPDATE OR DELETE ON waqf_disbursements
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER disbursements_are_never_emptied BEFORE TRUNCATE ON waqf_disbursements
    EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER disbursement_reversals_are_never_changed
    BEFORE UPDATE OR DELETE ON waqf_disbursement_reversals
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER disbursement_reversals_are_never_emptied
    BEFORE TRUNCATE ON waqf_disbursement_reversals EXECUTE FUNCTION ledger_refuse();
"""

COLUMNS = [
    sa.Column("held_amount", sa.Numeric(), nullable=True),
    sa.Column("channel", sa.Text(), nullable=False, server_default="stripe"),
    sa.Column("dedication_kind", sa.Text(), nullable=True),
    sa.Column("dedication_name", sa.Text(), nullable=True),
    sa.Column("message_hidden_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("payer_name", sa.Text(), nullable=True),
    sa.Column("payer_email", sa.Text(), nullable=True),
    sa.Column("method", sa.Text(), nullable=True),
    sa.Column("reference", sa.Text(), nullable=True),
    sa.Column("reference_key", sa.Text(), nullable=True),
    sa.Column("received_on", sa.Date(), nullable=True),
    sa.Column("recorded_by", sa.Uuid(), nullable=True),
    sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("reversed_by", sa.Uuid(), nullable=True),
    sa.Column("reversal_reason", sa.Text(), nullable=True),
]
# A single one for all, because each is parsed again for every donation.
CHANNEL = """CASE channel WHEN 'stripe' THEN reversed_at IS NULL
WHEN 'offline' THEN num_nulls(method, reference_key, received_on, recorded_by) = 0 ELSE false END"""
# Before the table of projects, because a payment's update reads the donation before it locks the
# project: the other order would deadlock.
LOCK = "LOCK TABLE waqf_donations IN ACCESS EXCLUSIVE MODE"


def upgrade():
    op.execute(LOCK)
    for column in COLUMNS:
        op.add_column("waqf_donations", column)
    op.execute("UPDATE waqf_donations SET held_amount = amount WHERE status = 'pending'")
    op.alter_column("waqf_donations", "user_id", nullable=True)
    op.create_check_constraint(op.f("ck_waqf_donations_channel"), "waqf_donations", CHANNEL)
    for column in ("recorded_by", "reversed_by"):
        op.create_foreign_key(
            op.f(f"fk_waqf_donations_{column}"), "waqf_donations", "users", [column], ["id"]
        )
    _create_indexes()
    op.add_column(
        "waqf_projects", sa.Column("disbursed", sa.Numeric(), nullable=False, server_default="0")
    )
    op.create_check_constraint(
        op.f("ck_waqf_projects_disbursed"), "waqf_projects", "disbursed >= 0"
    )
    _create_disbursements()
    op.create_index(
        op.f("ix_ledger_entries_fund_created_at_id"), "ledger_entries", ["fund", "created_at", "id"]
    )
    op.drop_index(op.f("ix_ledger_entries_fund"), "ledger_entries")


def _create_indexes():
    for columns in (["project_id", "created_at", "id"], ["created_at", "id"]):
        name = op.f(f"ix_waqf_donations_{'_'.join(columns)}")
        op.create_index(name, "waqf_donations", columns)
    for name, columns, condition, unique in (
        ("ix_waqf_donations_pending", ["project_id", "created_at"], "status = 'pending'", False),
        (
            "ix_waqf_donations_ended",
            ["status", "created_at", "id"],
            "status IN ('failed', 'cancelled', 'refunded')",
            False,
        ),
        ("ix_waqf_donations_amount", ["amount", "id"], "status = 'succeeded'", False),
        ("ix_waqf_donations_offline", ["created_at", "id"], "channel = 'offline'", False),
        ("ix_waqf_donations_recorded_by", ["recorded_by"], "recorded_by IS NOT NULL", False),
        ("ix_waqf_donations_reversed_by", ["reversed_by"], "reversed_by IS NOT NULL", False),
        (
            "uq_waqf_donations_reference",
            ["project_id", "reference_key"],
            "channel = 'offline' AND reversed_at IS NULL",
            True,
        ),
    ):
        op.create_index(
            name, "waqf_donations", columns, unique=unique, postgresql_where=sa.text(condition)
        )


def _create_disbursements():
    op.create_table(
        "waqf_disbursements",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("reference_key", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_waqf_disbursements_amount")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["waqf_projects.id"], name=op.f("fk_waqf_disbursements_project_id")
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["users.id"], name=op.f("fk_waqf_disbursements_recorded_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waqf_disbursements")),
    )
    for columns in (
        ["project_id", "created_at", "id"],
        ["project_id", "reference_key"],
        ["recorded_by"],
    ):
        name = op.f(f"ix_waqf_disbursements_{'_'.join(columns)}")
        op.create_index(name, "waqf_disbursements", columns)
    op.create_table(
        "waqf_disbursement_reversals",
        sa.Column("disbursement_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reversed_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["disbursement_id"],
            ["waqf_disbursements.id"],
            name=op.f("fk_waqf_disbursement_reversals_disbursement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reversed_by"], ["users.id"], name=op.f("fk_waqf_disbursement_reversals_reversed_by")
        ),
        sa.PrimaryKeyConstraint("disbursement_id", name=op.f("pk_waqf_disbursement_reversals")),
    )
    op.create_index(
        op.f("ix_waqf_disbursement_reversals_reversed_by"),
        "waqf_disbursement_reversals",
        ["reversed_by"],
    )
    op.execute(GUARDS)


def downgrade():
    op.create_index(op.f("ix_ledger_entries_fund"), "ledger_entries", ["fund"])
    op.drop_index(op.f("ix_ledger_entries_fund_created_at_id"), "ledger_entries")
    op.drop_table("waqf_disbursement_reversals")
    op.drop_table("waqf_disbursements")
    op.drop_constraint(op.f("ck_waqf_projects_disbursed"), "waqf_projects")
    op.drop_column("waqf_projects", "disbursed")
    for name in ("project_id_created_at_id", "created_at_id", "amount", "pending", "ended"):
        op.drop_index(f"ix_waqf_donations_{name}", "waqf_donations")
    op.drop_constraint(op.f("ck_waqf_donations_channel"), "waqf_donations")
    for column in reversed(COLUMNS):
        op.drop_column("waqf_donations", column.name)
    op.alter_column("waqf_donations", "user_id", nullable=False)
