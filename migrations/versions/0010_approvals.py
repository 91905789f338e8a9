"""Create the table of acts that a second person has to confirm."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade():
    op.create_table(
        "approvals",
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("confirmed_by <> requested_by", name=op.f("ck_approvals_two_people")),
        sa.CheckConstraint(
            "num_nulls(confirmed_by, confirmed_at) <> 1", name=op.f("ck_approvals_confirmed")
        ),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["users.id"], name=op.f("fk_approvals_requested_by")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["users.id"], name=op.f("fk_approvals_confirmed_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    for columns in (["requested_at", "id"], ["fingerprint"], ["requested_by"], ["confirmed_by"]):
        op.create_index(op.f(f"ix_approvals_{'_'.join(columns)}"), "approvals", columns)


def downgrade():
    op.drop_table("approvals")
