"""Add what a calculation was based on; let a price be of one metal, and be withdrawn.

Release 0.2 reads and writes both tables as before: the new columns have defaults.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0029"
down_revision = "0028"

PRICES, CALCULATIONS = "zakat_metal_prices", "zakat_calculations"
METALS = ("gold", "silver")
COLUMNS = {
    "as_of": sa.Date(),
    "school": sa.Text(),
    "nisab_standard": sa.Text(),
    "nisab_grams": sa.Numeric(),
    "nisab_price_per_gram": sa.Numeric(),
    "nisab_priced_on": sa.Date(),
    "rates": JSONB(),
    "hawl_interrupted_on": sa.Date(),
    "hawl_resumed_on": sa.Date(),
}


def upgrade():
    for name, type_ in COLUMNS.items():
        op.add_column(CALCULATIONS, sa.Column(name, type_))
    op.add_column(
        CALCULATIONS, sa.Column("assumptions", JSONB(), nullable=False, server_default="[]")
    )
    for metal in METALS:
        op.alter_column(PRICES, f"{metal}_grams", type_=sa.Numeric(), nullable=True)
        for name in ("price_per_gram", "nisab"):
            op.alter_column(PRICES, f"{metal}_{name}", nullable=True)
    op.create_check_constraint(
        op.f("ck_zakat_metal_prices_has_price"),
        PRICES,
        "num_nonnulls(gold_price_per_gram, silver_price_per_gram) > 0",
    )
    op.add_column(PRICES, sa.Column("withdrawn_at", sa.DateTime(timezone=True)))
    op.add_column(PRICES, sa.Column("withdrawn_by", sa.Uuid()))
    op.create_foreign_key(
        op.f("fk_zakat_metal_prices_withdrawn_by"),
        *(PRICES, "users", ["withdrawn_by"], ["id"]),
        ondelete="SET NULL",
    )
    op.create_index(op.f("ix_zakat_metal_prices_withdrawn_by"), PRICES, ["withdrawn_by"])


def downgrade():
    op.execute("DELETE FROM zakat_metal_prices WHERE withdrawn_at IS NOT NULL")
    op.execute(
        "DELETE FROM zakat_metal_prices"
        " WHERE num_nonnulls(gold_price_per_gram, silver_price_per_gram) < 2"
    )
    op.drop_column(PRICES, "withdrawn_by")
    op.drop_column(PRICES, "withdrawn_at")
    op.drop_constraint(op.f("ck_zakat_metal_prices_has_price"), PRICES)
    for metal in METALS:
        op.alter_column(
            PRICES, f"{metal}_grams", type_=sa.Integer(), nullable=False,
            postgresql_using=f"{metal}_grams::integer",
        )  # fmt: skip
        for name in ("price_per_gram", "nisab"):
            op.alter_column(PRICES, f"{metal}_{name}", nullable=False)
    for name in ("assumptions", *COLUMNS):
        op.drop_column(CALCULATIONS, name)
