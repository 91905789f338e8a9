"""Store with each ledger entry and each refund or dispute when it happened.

Entries are never changed: those from before, and those of the previous release beside this one,
have no value date, and count on the day on which they were made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("ledger_entries", sa.Column("value_date", sa.Date()))
    op.add_column("payment_reversals", sa.Column("effective_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("payment_reversals", "effective_at")
    op.drop_column("ledger_entries", "value_date")
