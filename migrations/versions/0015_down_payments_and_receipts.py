"""Add down payments and receipts to murabaha.

The release before this one serves on. It inserts receipts for nothing, and the sales that it
concludes meanwhile lack the down payment in their entry, like all sales until now: their agreement
says that it was paid, and ``has_booked_down_payment`` stays false.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"

PURPOSE = "num_nonnulls(donation_id, installment_id{}) = 1"

GUARDS = """
CREATE TRIGGER receipts_are_never_deleted BEFORE DELETE ON murabaha_receipts
    FOR EACH ROW EXECUTE FUNCTION murabaha_refuse();
CREATE TRIGGER a_receipt_is_fixed BEFORE UPDATE ON murabaha_receipts
    FOR EACH ROW WHEN (OLD.reversed_at IS NOT NULL OR NEW.reversed_at IS NULL OR
        (OLD.id, OLD.application_id, OLD.kind, OLD.amount, OLD.method, OLD.reference,
         OLD.reference_key, OLD.received_on, OLD.parts, OLD.recorded_by, OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.application_id, NEW.kind, NEW.amount, NEW.method, NEW.reference,
         NEW.reference_key, NEW.received_on, NEW.parts, NEW.recorded_by, NEW.created_at))
    EXECUTE FUNCTION murabaha_refuse();
"""

ADD_UP = """
CREATE OR REPLACE FUNCTION murabaha_add_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sale murabaha_applications;
    parts record;
BEGIN
    SELECT * INTO sale FROM murabaha_applications
        WHERE id = CASE TG_TABLE_NAME WHEN 'murabaha_applications' THEN NEW.id
                                      ELSE (to_jsonb(NEW) ->> 'application_id')::uuid END;
    SELECT count(*) AS number, coalesce(sum(amount), 0) AS amount,
           coalesce(sum(waived), 0) AS waived,
           coalesce(sum(amount - paid_amount - waived), 0){} AS remaining
        INTO parts FROM murabaha_installments WHERE application_id = sale.id;
    IF sale.accepted_at IS NULL AND parts.number > 0
        OR sale.accepted_at IS NOT NULL AND (parts.number <> sale.term_months
            OR parts.amount <> sale.financed OR parts.waived <> sale.rebate
            OR (parts.remaining = 0) <> (sale.state = 'completed'))
    THEN
        RAISE EXCEPTION 'the instalments of % do not add up', sale.application_number
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""
UNPAID_DOWN_PAYMENT = """
           + CASE WHEN sale.has_booked_down_payment
                  THEN sale.agreed_down_payment - sale.down_payment_received ELSE 0 END"""

# The payments that were recorded until now, from the history. Of receipts with the same method and
# reference only the first has a key, which is unique.
RECEIPTS = r"""
INSERT INTO murabaha_receipts (id, application_id, kind, amount, method, reference, reference_key,
                               received_on, parts, recorded_by, created_at)
SELECT id, application_id, 'installment', amount, method, reference,
       CASE row_number() OVER (PARTITION BY application_id, key ORDER BY position)
            WHEN 1 THEN key END,
       (created_at AT TIME ZONE 'UTC')::date, parts, user_id, created_at
FROM (
    SELECT e.*, (facts ->> 'amount')::numeric AS amount, facts ->> 'method' AS method,
           facts ->> 'reference' AS reference,
           (SELECT string_agg(btrim(regexp_replace(lower(normalize(facts ->> name, NFKC)),
                                                   '\s+', ' ', 'g')), E'\n' ORDER BY name)
            FROM unnest(ARRAY['method', 'reference']) AS name) AS key,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('number', key::int, 'amount', value)
                                      ORDER BY key::int), '[]')
            FROM jsonb_each(facts -> 'paid')) AS parts
    FROM murabaha_events e WHERE action = 'record'
) AS recorded
"""


def upgrade():
    op.add_column("payments", sa.Column("application_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_payments_application_id"),
        "payments",
        "murabaha_applications",
        ["application_id"],
        ["id"],
    )
    replace_purpose(", application_id")
    is_down_payment = "application_id IS NOT NULL"
    op.create_index(
        "uq_payments_open_down_payment",
        "payments",
        ["application_id"],
        unique=True,
        postgresql_where=sa.text(f"{is_down_payment} AND status = 'pending' AND NOT superseded"),
    )
    op.create_index(
        "ix_payments_application_id",
        "payments",
        ["application_id"],
        postgresql_where=sa.text(is_down_payment),
    )
    for column in (
        sa.Column("down_payment_received", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("has_booked_down_payment", sa.Boolean(), server_default="false", nullable=False),
    ):
        op.add_column("murabaha_applications", column)
    op.create_check_constraint(
        op.f("ck_murabaha_applications_down_payment_received"),
        "murabaha_applications",
        "down_payment_received >= 0 AND down_payment_received <= coalesce(agreed_down_payment, 0)",
    )
    create_receipts()
    op.execute(ADD_UP.format(UNPAID_DOWN_PAYMENT))
    op.execute(RECEIPTS)
    op.execute(GUARDS)


def create_receipts():
    op.create_table(
        "murabaha_receipts",
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("reference_key", sa.Text(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("parts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reversed_by", sa.Uuid(), nullable=True),
        sa.Column("reversal_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_murabaha_receipts_amount")),
        sa.CheckConstraint(
            "kind IN ('installment', 'down_payment')", name=op.f("ck_murabaha_receipts_kind")
        ),
        sa.CheckConstraint(
            "num_nulls(reversed_at, reversed_by, reversal_reason) IN (0, 3)",
            name=op.f("ck_murabaha_receipts_reversed"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["murabaha_applications.id"],
            name=op.f("fk_murabaha_receipts_application_id"),
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["users.id"], name=op.f("fk_murabaha_receipts_recorded_by")
        ),
        sa.ForeignKeyConstraint(
            ["reversed_by"], ["users.id"], name=op.f("fk_murabaha_receipts_reversed_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_murabaha_receipts")),
    )
    for columns in (["application_id", "created_at", "id"], ["recorded_by"], ["reversed_by"]):
        op.create_index(
            op.f(f"ix_murabaha_receipts_{'_'.join(columns)}"), "murabaha_receipts", columns
        )
    op.create_index(
        "uq_murabaha_receipts_reference",
        "murabaha_receipts",
        ["application_id", "reference_key"],
        unique=True,
        postgresql_where=sa.text("reversed_at IS NULL"),
    )


def replace_purpose(columns):
    name = op.f("ck_payments_purpose")
    op.drop_constraint(name, "payments")
    op.create_check_constraint(name, "payments", PURPOSE.format(columns))


def downgrade():
    op.execute(ADD_UP.format(""))
    op.drop_table("murabaha_receipts")
    op.drop_constraint(
        op.f("ck_murabaha_applications_down_payment_received"), "murabaha_applications"
    )
    op.drop_column("murabaha_applications", "has_booked_down_payment")
    op.drop_column("murabaha_applications", "down_payment_received")
    op.drop_index("ix_payments_application_id", "payments")
    op.drop_index("uq_payments_open_down_payment", "payments")
    replace_purpose("")
    op.drop_column("payments", "application_id")
