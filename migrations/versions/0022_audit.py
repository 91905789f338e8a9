"""Create the table of audit events, which are never changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"

FILTERS = ("actor_id", "action", "subject_id")
GUARDS = """
CREATE TRIGGER audit_events_are_never_changed BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER audit_events_are_never_emptied BEFORE TRUNCATE ON audit_events
    EXECUTE FUNCTION ledger_refuse();
"""


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    for columns in (["at", "id"], *([name, "at", "id"] for name in FILTERS)):
        op.create_index(op.f(f"ix_audit_events_{'_'.join(columns)}"), "audit_events", columns)
    op.execute(GUARDS)


def downgrade() -> None:
    op.drop_table("audit_events")
