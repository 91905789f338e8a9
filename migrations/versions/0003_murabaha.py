"""Create the tables of murabaha, and the triggers that protect a sale."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


# The rules of the contract, enforced again in the database, also against other programs.
GUARDS = """
CREATE FUNCTION murabaha_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE OR DELETE ON murabaha_events
    FOR EACH ROW EXECUTE FUNCTION murabaha_refuse();
CREATE TRIGGER applications_are_never_deleted BEFORE DELETE ON murabaha_applications
    FOR EACH ROW EXECUTE FUNCTION murabaha_refuse();
CREATE TRIGGER installments_are_never_deleted BEFORE DELETE ON murabaha_installments
    FOR EACH ROW EXECUTE FUNCTION murabaha_refuse();

CREATE TRIGGER a_sale_is_fixed BEFORE UPDATE ON murabaha_applications
    FOR EACH ROW WHEN (OLD.accepted_at IS NOT NULL AND
        (OLD.user_id, OLD.vendor_id, OLD.item_description, OLD.currency, OLD.term_months, OLD.cost,
         OLD.profit_rate, OLD.profit, OLD.selling_price, OLD.agreed_down_payment, OLD.financed,
         OLD.acquired_on, OLD.accepted_at)
        IS DISTINCT FROM
        (NEW.user_id, NEW.vendor_id, NEW.item_description, NEW.currency, NEW.term_months, NEW.cost,
         NEW.profit_rate, NEW.profit, NEW.selling_price, NEW.agreed_down_payment, NEW.financed,
         NEW.acquired_on, NEW.accepted_at))
    EXECUTE FUNCTION murabaha_refuse();
CREATE TRIGGER an_installment_is_fixed BEFORE UPDATE ON murabaha_installments
    FOR EACH ROW WHEN (OLD.application_id <> NEW.application_id OR OLD.number <> NEW.number
        OR OLD.amount <> NEW.amount OR NEW.paid_amount < OLD.paid_amount
        OR NEW.waived < OLD.waived)
    EXECUTE FUNCTION murabaha_refuse();

CREATE FUNCTION murabaha_add_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sale murabaha_applications;
    parts record;
BEGIN
    SELECT * INTO sale FROM murabaha_applications
        WHERE id = CASE TG_TABLE_NAME WHEN 'murabaha_applications' THEN NEW.id
                                      ELSE (to_jsonb(NEW) ->> 'application_id')::uuid END;
    SELECT count(*) AS number, coalesce(sum(amount), 0) AS amount,
           coalesce(sum(waived), 0) AS waived,
           coalesce(sum(amount - paid_amount - waived), 0) AS remaining
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

CREATE CONSTRAINT TRIGGER the_installments_add_up
    AFTER INSERT OR UPDATE ON murabaha_installments DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION murabaha_add_up();
CREATE CONSTRAINT TRIGGER the_sale_adds_up
    AFTER UPDATE ON murabaha_applications DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION murabaha_add_up();
"""


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("murabaha_application_numbers")))
    op.alter_column("users", "email_key", nullable=True)  # NULL for a user who was erased
    op.create_table(
        "murabaha_vendors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_murabaha_vendors")),
    )
    op.create_table(
        "murabaha_applications",
        sa.Column("application_number", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("item_description", sa.Text(), nullable=False),
        sa.Column("requested_amount", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("term_months", sa.Integer(), nullable=False),
        sa.Column("down_payment", sa.Numeric(), nullable=False),
        sa.Column("documents", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=True),
        sa.Column("profit_rate", sa.Numeric(), nullable=True),
        sa.Column("profit", sa.Numeric(), nullable=True),
        sa.Column("selling_price", sa.Numeric(), nullable=True),
        sa.Column("agreed_down_payment", sa.Numeric(), nullable=True),
        sa.Column("financed", sa.Numeric(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acquired_on", sa.Date(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rebate", sa.Numeric(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'approved', 'rejected', 'cancelled', 'acquired', 'expired', 'active', 'completed')",
            name=op.f("ck_murabaha_applications_state"),
        ),
        sa.CheckConstraint(
            "accepted_at IS NULL OR acquired_on IS NOT NULL",
            name=op.f("ck_murabaha_applications_owned_before_sale"),
        ),
        sa.CheckConstraint(
            "rebate BETWEEN 0 AND profit", name=op.f("ck_murabaha_applications_rebate")
        ),
        sa.CheckConstraint(
            "selling_price = cost + profit AND financed = selling_price - agreed_down_payment AND financed > 0 AND cost > 0 AND profit >= 0 AND agreed_down_payment >= 0",
            name=op.f("ck_murabaha_applications_price"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_murabaha_applications_user_id")
        ),
        sa.ForeignKeyConstraint(
            ["vendor_id"], ["murabaha_vendors.id"], name=op.f("fk_murabaha_applications_vendor_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_murabaha_applications")),
        sa.UniqueConstraint(
            "application_number", name=op.f("uq_murabaha_applications_application_number")
        ),
    )
    op.create_index(
        op.f("ix_murabaha_applications_created_at_id"),
        "murabaha_applications",
        ["created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_murabaha_applications_user_id_created_at_id"),
        "murabaha_applications",
        ["user_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_murabaha_applications_vendor_id"),
        "murabaha_applications",
        ["vendor_id"],
        unique=False,
    )
    op.create_table(
        "murabaha_events",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["murabaha_applications.id"],
            name=op.f("fk_murabaha_events_application_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_murabaha_events_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_murabaha_events")),
    )
    op.create_index(
        op.f("ix_murabaha_events_application_id_position"),
        "murabaha_events",
        ["application_id", "position"],
        unique=False,
    )
    op.create_table(
        "murabaha_installments",
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("paid_amount", sa.Numeric(), nullable=False),
        sa.Column("waived", sa.Numeric(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "amount > 0 AND paid_amount >= 0 AND waived >= 0 AND paid_amount + waived <= amount",
            name=op.f("ck_murabaha_installments_never_beyond"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["murabaha_applications.id"],
            name=op.f("fk_murabaha_installments_application_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_murabaha_installments")),
        sa.UniqueConstraint(
            "application_id", "number", name=op.f("uq_murabaha_installments_application_id_number")
        ),
    )
    op.execute(GUARDS)


def downgrade() -> None:
    op.drop_table("murabaha_installments")
    op.drop_index(op.f("ix_murabaha_events_application_id_position"), table_name="murabaha_events")
    op.drop_table("murabaha_events")
    op.drop_index(op.f("ix_murabaha_applications_vendor_id"), table_name="murabaha_applications")
    op.drop_index(
        op.f("ix_murabaha_applications_user_id_created_at_id"), table_name="murabaha_applications"
    )
    op.drop_index(
        op.f("ix_murabaha_applications_created_at_id"), table_name="murabaha_applications"
    )
    op.drop_table("murabaha_applications")
    op.drop_table("murabaha_vendors")
    op.execute("DROP FUNCTION murabaha_refuse, murabaha_add_up")
    op.execute(sa.schema.DropSequence(sa.Sequence("murabaha_application_numbers")))
    op.alter_column("users", "email_key", nullable=False)
