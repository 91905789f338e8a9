"""Add a digest of each day's ledger entries, and the index by which a day is found."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

GUARDS = """
CREATE TRIGGER digests_are_never_changed BEFORE UPDATE OR DELETE ON ledger_digests
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER digests_are_never_emptied BEFORE TRUNCATE ON ledger_digests
    EXECUTE FUNCTION ledger_refuse();
"""


def upgrade():
    op.create_table(
        "ledger_digests",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("entry_count", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("chain_hash", sa.Text(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_ledger_digests")),
    )
    op.execute(GUARDS)
    op.create_index(op.f("ix_ledger_entries_created_at"), "ledger_entries", ["created_at"])


def downgrade():
    op.drop_index(op.f("ix_ledger_entries_created_at"), "ledger_entries")
    op.drop_table("ledger_digests")
