"""Add to the movements of Stripe's balance what a charge was paid with."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade():
    op.add_column("balance_transactions", sa.Column("paid_with", sa.Text()))


def downgrade():
    op.drop_column("balance_transactions", "paid_with")
