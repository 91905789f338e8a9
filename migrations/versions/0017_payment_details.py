"""Store with each payment what its PaymentIntent says about it; NULL for payments from before."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("payments", sa.Column("details", postgresql.JSONB(astext_type=sa.Text())))


def downgrade() -> None:
    op.drop_column("payments", "details")
