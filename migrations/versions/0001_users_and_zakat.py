"""Create the tables of users, sessions and zakat."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("role IN ('user', 'officer', 'admin')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
    )
    op.create_table(
        "sign_ins",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("refresh_jti", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sign_ins_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
    )
    op.create_index(op.f("ix_sign_ins_user_id"), "sign_ins", ["user_id"], unique=False)
    op.create_table(
        "zakat_calculations",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("wealth", sa.Numeric(), nullable=False),
        sa.Column("nisab", sa.Numeric(), nullable=True),
        sa.Column("zakat_amount", sa.Numeric(), nullable=False),
        sa.Column("eligible", sa.Boolean(), nullable=False),
        sa.Column("rate", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("nisab_basis", sa.Text(), nullable=True),
        sa.Column("year_basis", sa.Text(), nullable=False),
        sa.Column(
            "breakdown", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("hawl_started_on", sa.Date(), nullable=True),
        sa.Column("hawl_completes_on", sa.Date(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("calculated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "wealth >= 0 AND zakat_amount >= 0 AND nisab >= 0",
            name=op.f("ck_zakat_calculations_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_zakat_calculations_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zakat_calculations")),
    )
    op.create_index(
        op.f("ix_zakat_calculations_user_id_calculated_at_id"),
        "zakat_calculations",
        ["user_id", "calculated_at", "id"],
        unique=False,
    )
    op.create_table(
        "zakat_metal_prices",
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("gold_price_per_gram", sa.Numeric(), nullable=False),
        sa.Column("gold_grams", sa.Integer(), nullable=False),
        sa.Column("gold_nisab", sa.Numeric(), nullable=False),
        sa.Column("silver_price_per_gram", sa.Numeric(), nullable=False),
        sa.Column("silver_grams", sa.Integer(), nullable=False),
        sa.Column("silver_nisab", sa.Numeric(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hijri_date", sa.Text(), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "gold_price_per_gram > 0 AND silver_price_per_gram > 0",
            name=op.f("ck_zakat_metal_prices_positive"),
        ),
        sa.ForeignKeyConstraint(
            ["published_by"],
            ["users.id"],
            name=op.f("fk_zakat_metal_prices_published_by"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zakat_metal_prices")),
    )
    op.create_index(
        op.f("ix_zakat_metal_prices_currency_effective_at_id"),
        "zakat_metal_prices",
        ["currency", "effective_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_zakat_metal_prices_published_by"),
        "zakat_metal_prices",
        ["published_by"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_zakat_metal_prices_published_by"), table_name="zakat_metal_prices")
    op.drop_index(
        op.f("ix_zakat_metal_prices_currency_effective_at_id"), table_name="zakat_metal_prices"
    )
    op.drop_table("zakat_metal_prices")
    op.drop_index(
        op.f("ix_zakat_calculations_user_id_calculated_at_id"), table_name="zakat_calculations"
    )
    op.drop_table("zakat_calculations")
    op.drop_index(op.f("ix_sign_ins_user_id"), table_name="sign_ins")
    op.drop_table("sign_ins")
    op.drop_table("users")
