"""Add the mails that wait to be sent, and each user's language and time zone."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("users", sa.Column("locale", sa.Text(), nullable=False, server_default="en"))
    op.add_column("users", sa.Column("time_zone", sa.Text()))
    op.create_table(
        "mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("address", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("locale", sa.Text()),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_mails_user_id_users"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("key", name=op.f("uq_mails_key")),
    )
    op.create_index(op.f("ix_mails_user_id"), "mails", ["user_id"])


def downgrade() -> None:
    op.drop_table("mails")
    op.drop_column("users", "time_zone")
    op.drop_column("users", "locale")
