"""Add the donations of guests with their idempotency keys, and the exports of users' data.

The previous release can serve beside it: it leaves the new columns empty.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade():
    op.add_column("waqf_donations", sa.Column("payer_email_key", sa.Text()))
    # As users.rules.normalize_email, but for domains in Unicode or Punycode, which are compared as
    # they were written.
    op.execute("""
        UPDATE waqf_donations SET payer_email_key = lower(btrim(normalize(payer_email, NFKC)))
        WHERE payer_email IS NOT NULL
    """)
    op.create_index(
        "ix_waqf_donations_adoptable",
        "waqf_donations",
        ["payer_email_key"],
        postgresql_where=sa.text("user_id IS NULL"),
    )
    op.create_table(
        "guest_idempotency_keys",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("encrypted_response", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint(
            "owner", "method", "path", "key", name=op.f("pk_guest_idempotency_keys")
        ),
    )
    op.create_index(
        op.f("ix_guest_idempotency_keys_created_at"), "guest_idempotency_keys", ["created_at"]
    )
    op.create_table(
        "data_exports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True)),
        sa.Column("size", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_data_exports_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_exports")),
    )
    op.create_index(op.f("ix_data_exports_user_id"), "data_exports", ["user_id"])


def downgrade():
    op.drop_table("data_exports")
    op.drop_table("guest_idempotency_keys")
    op.drop_index("ix_waqf_donations_adoptable", "waqf_donations")
    op.drop_column("waqf_donations", "payer_email_key")
