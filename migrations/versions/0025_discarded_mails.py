"""Index the mails that were discarded, which the metrics count."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_index(
        "ix_mails_discarded",
        "mails",
        ["discarded_at"],
        postgresql_where=sa.text("discarded_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_mails_discarded", "mails")
