"""Add what users see of their sessions, tokens sent by mail, and second factors."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"


def session_columns() -> tuple[sa.Column, ...]:
    """Return the new columns; the previous release inserts sessions without them."""
    timestamp, json = sa.DateTime(timezone=True), postgresql.JSONB(astext_type=sa.Text())
    return (
        sa.Column("user_agent", sa.Text(), nullable=False, server_default=""),
        sa.Column("address", sa.Text()),
        sa.Column("last_used_at", timestamp, nullable=False, server_default=sa.func.now()),
        sa.Column("rotations", json, nullable=False, server_default=sa.text("'[]'")),
    )


def upgrade() -> None:
    op.add_column(
        "users",
        sa.Column("second_factor", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for column in session_columns():
        op.add_column("user_sessions", column)
    op.create_table(
        "known_devices",
        user_column(),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "device", name=op.f("pk_known_devices")),
        user_key("known_devices"),
    )
    op.create_table(
        "account_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        user_column(),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("new_email", sa.Text()),
        sa.Column("is_mailed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_tokens")),
        user_key("account_tokens"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_account_tokens_token_hash")),
        sa.CheckConstraint(
            "purpose IN ('password_reset', 'email_change')",
            name=op.f("ck_account_tokens_purpose"),
        ),
    )
    op.create_index(op.f("ix_account_tokens_user_id"), "account_tokens", ["user_id"])
    op.create_table(
        "second_factors",
        user_column(),
        sa.Column("encrypted_secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.Integer()),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factors")),
        user_key("second_factors"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        user_column(),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_recovery_codes")),
        user_key("recovery_codes"),
    )
    op.create_index(op.f("ix_recovery_codes_user_id"), "recovery_codes", ["user_id"])


def downgrade() -> None:
    for table in ("recovery_codes", "second_factors", "account_tokens", "known_devices"):
        op.drop_table(table)
    for column in session_columns():
        op.drop_column("user_sessions", column.name)
    op.drop_column("users", "second_factor")


def user_column() -> sa.Column:
    return sa.Column("user_id", sa.Uuid(), nullable=False)


def user_key(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_user_id_users")
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=name, ondelete="CASCADE")
