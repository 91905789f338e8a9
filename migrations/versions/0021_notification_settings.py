"""Let users choose their mails, record why a mail was not sent, and find completed hawls."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column(
        "users",
        sa.Column(
            "notifications",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            server_default=sa.text("'{}'"),
        ),
    )
    op.add_column("mails", sa.Column("discarded_at", sa.DateTime(timezone=True)))
    op.add_column("mails", sa.Column("discard_reason", sa.Text()))
    op.create_index(
        "ix_zakat_calculations_hawl",
        "zakat_calculations",
        ["hawl_completes_on"],
        postgresql_where=sa.text("hawl_completes_on IS NOT NULL"),
    )
    op.create_index(
        "ix_mails_waiting",
        "mails",
        ["created_at"],
        postgresql_where=sa.text("sent_at IS NULL AND discarded_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_mails_waiting", "mails")
    op.drop_index("ix_zakat_calculations_hawl", "zakat_calculations")
    op.drop_column("mails", "discard_reason")
    op.drop_column("mails", "discarded_at")
    op.drop_column("users", "notifications")
