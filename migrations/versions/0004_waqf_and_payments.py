"""Create the tables of waqf, payments and the ledger, and open the ledger for earlier sales."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

# Each entry balances and is never changed, also by other programs.
GUARDS = """
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER entries_are_never_changed BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER entries_are_never_emptied BEFORE TRUNCATE ON ledger_entries
    EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER postings_are_never_changed BEFORE UPDATE OR DELETE ON ledger_postings
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER postings_are_never_emptied BEFORE TRUNCATE ON ledger_postings
    EXECUTE FUNCTION ledger_refuse();

CREATE FUNCTION ledger_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry uuid := CASE TG_TABLE_NAME WHEN 'ledger_entries' THEN to_jsonb(NEW) ->> 'id'
                                     ELSE to_jsonb(NEW) ->> 'entry_id' END;
BEGIN
    IF (SELECT count(*) < 2 OR sum(amount) <> 0 FROM ledger_postings WHERE entry_id = entry) THEN
        RAISE EXCEPTION 'entry % does not balance', entry USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ledger_entries WHERE id = NEW.entry_id
                   AND xmin::text = (pg_current_xact_id()::text::bigint % 4294967296)::text) THEN
        RAISE EXCEPTION 'entry % is closed', NEW.entry_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER an_entry_is_made_at_once BEFORE INSERT ON ledger_postings
    FOR EACH ROW EXECUTE FUNCTION ledger_closed();
CREATE CONSTRAINT TRIGGER every_entry_balances AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balance();
CREATE CONSTRAINT TRIGGER every_posting_balances AFTER INSERT ON ledger_postings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balance();
"""

# A refund or dispute at Stripe reduces the paid amount of an instalment.
MAY_BE_TAKEN_BACK = """
DROP TRIGGER an_installment_is_fixed ON murabaha_installments;
CREATE TRIGGER an_installment_is_fixed BEFORE UPDATE ON murabaha_installments
    FOR EACH ROW WHEN (OLD.application_id <> NEW.application_id OR OLD.number <> NEW.number
        OR OLD.amount <> NEW.amount OR NEW.waived < OLD.waived)
    EXECUTE FUNCTION murabaha_refuse();
"""
MAY_NOT = """
DROP TRIGGER an_installment_is_fixed ON murabaha_installments;
CREATE TRIGGER an_installment_is_fixed BEFORE UPDATE ON murabaha_installments
    FOR EACH ROW WHEN (OLD.application_id <> NEW.application_id OR OLD.number <> NEW.number
        OR OLD.amount <> NEW.amount OR NEW.paid_amount < OLD.paid_amount
        OR NEW.waived < OLD.waived)
    EXECUTE FUNCTION murabaha_refuse();
"""

# Post the sales, payments and rebates from before the ledger.
OPENING = """
WITH parts AS (
    SELECT application_id, sum(paid_amount) AS paid, sum(waived) AS waived
    FROM murabaha_installments GROUP BY 1
), moved AS (
    SELECT a.id AS about, a.currency, a.accepted_at AS at, gen_random_uuid() AS entry, m.*
    FROM murabaha_applications a JOIN parts p ON p.application_id = a.id
    CROSS JOIN LATERAL (VALUES
        ('sale', a.financed, 'receivable', 'sales'),
        ('instalment paid', p.paid, 'received elsewhere', 'receivable'),
        ('rebate given', p.waived, 'rebates', 'receivable')
    ) AS m(kind, amount, debit, credit)
    WHERE m.amount > 0
), entered AS (
    INSERT INTO ledger_entries (id, fund, currency, kind, about, created_at)
    SELECT entry, 'murabaha', currency, kind, about, at FROM moved
)
INSERT INTO ledger_postings (entry_id, account, amount)
SELECT entry, debit, amount FROM moved UNION ALL SELECT entry, credit, -amount FROM moved
"""


def upgrade() -> None:
    op.create_table(
        "waqf_projects",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("funding_goal", sa.Numeric(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("raised", sa.Numeric(), nullable=False),
        sa.Column("pledged", sa.Numeric(), nullable=False),
        sa.Column("donor_count", sa.Integer(), nullable=False),
        sa.Column("donation_count", sa.Integer(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "category IN ('education', 'healthcare', 'mosque', 'water', 'orphanage', 'general')",
            name=op.f("ck_waqf_projects_category"),
        ),
        sa.CheckConstraint(
            "funding_goal > 0 AND raised >= 0 AND pledged >= 0 AND donor_count >= 0 AND donation_count >= 0",
            name=op.f("ck_waqf_projects_figures"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waqf_projects")),
    )
    op.create_index(
        op.f("ix_waqf_projects_created_at_id"), "waqf_projects", ["created_at", "id"], unique=False
    )
    op.create_table(
        "waqf_receipt_years",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_waqf_receipt_years")),
    )
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("intent_id", sa.Text(), nullable=True),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_events")),
    )
    op.create_index(
        op.f("ix_webhook_events_received_at"), "webhook_events", ["received_at"], unique=False
    )
    op.create_index(
        "ix_webhook_events_waiting",
        "webhook_events",
        ["intent_id"],
        unique=False,
        postgresql_where=sa.text("waits"),
    )
    op.create_table(
        "waqf_donations",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("is_anonymous", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("refunded_amount", sa.Numeric(), nullable=False),
        sa.Column("held", sa.Numeric(), nullable=False),
        sa.Column("receipt_number", sa.Text(), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed', 'cancelled', 'refunded')",
            name=op.f("ck_waqf_donations_status"),
        ),
        sa.CheckConstraint(
            "amount > 0 AND refunded_amount >= 0 AND held >= 0 AND refunded_amount + held <= amount",
            name=op.f("ck_waqf_donations_amount"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["waqf_projects.id"], name=op.f("fk_waqf_donations_project_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_waqf_donations_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waqf_donations")),
        sa.UniqueConstraint("receipt_number", name=op.f("uq_waqf_donations_receipt_number")),
    )
    op.create_index(
        op.f("ix_waqf_donations_project_id_user_id_status"),
        "waqf_donations",
        ["project_id", "user_id", "status"],
        unique=False,
    )
    op.create_index(
        "ix_waqf_donations_public",
        "waqf_donations",
        ["project_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'succeeded'"),
    )
    op.create_index(
        op.f("ix_waqf_donations_user_id_created_at_id"),
        "waqf_donations",
        ["user_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "payments",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("donation_id", sa.Uuid(), nullable=True),
        sa.Column("installment_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("intent_id", sa.Text(), nullable=True),
        sa.Column("client_secret", sa.Text(), nullable=True),
        sa.Column("charge_refunded", sa.Numeric(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'processing', 'failed', 'cancelled', 'succeeded')",
            name=op.f("ck_payments_status"),
        ),
        sa.CheckConstraint("amount > 0 AND charge_refunded >= 0", name=op.f("ck_payments_amount")),
        sa.CheckConstraint(
            "num_nonnulls(donation_id, installment_id) = 1", name=op.f("ck_payments_purpose")
        ),
        sa.ForeignKeyConstraint(
            ["donation_id"], ["waqf_donations.id"], name=op.f("fk_payments_donation_id")
        ),
        sa.ForeignKeyConstraint(
            ["installment_id"],
            ["murabaha_installments.id"],
            name=op.f("fk_payments_installment_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_payments_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("donation_id", name=op.f("uq_payments_donation_id")),
        sa.UniqueConstraint("intent_id", name=op.f("uq_payments_intent_id")),
    )
    op.create_index(
        op.f("ix_payments_installment_id"), "payments", ["installment_id"], unique=False
    )
    op.create_index(
        "ix_payments_open",
        "payments",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('pending', 'processing', 'failed')"),
    )
    op.create_index(op.f("ix_payments_user_id"), "payments", ["user_id"], unique=False)
    op.create_index(
        "uq_payments_open_installment",
        "payments",
        ["installment_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('pending', 'processing')"),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("fund", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("fund <> '' AND kind <> ''", name=op.f("ck_ledger_entries_named")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_ledger_entries_payment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
    )
    op.create_index(op.f("ix_ledger_entries_about"), "ledger_entries", ["about"], unique=False)
    op.create_index(op.f("ix_ledger_entries_fund"), "ledger_entries", ["fund"], unique=False)
    op.create_index(
        op.f("ix_ledger_entries_payment_id"), "ledger_entries", ["payment_id"], unique=False
    )
    op.create_table(
        "payment_reversals",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind IN ('refund', 'dispute')", name=op.f("ck_payment_reversals_kind")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payment_reversals_amount")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_payment_reversals_payment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_reversals")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_payment_reversals_provider_id")),
    )
    op.create_index(
        "ix_payment_reversals_asked",
        "payment_reversals",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("provider_id IS NULL AND status = 'requested'"),
    )
    op.create_index(
        op.f("ix_payment_reversals_payment_id"), "payment_reversals", ["payment_id"], unique=False
    )
    op.create_table(
        "ledger_postings",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_postings_something")),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger_entries.id"], name=op.f("fk_ledger_postings_entry_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", "account", name=op.f("pk_ledger_postings")),
    )
    op.add_column(
        "idempotency_keys", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True)
    )
    op.execute(OPENING)
    op.execute(GUARDS)
    op.execute(MAY_BE_TAKEN_BACK)


def downgrade() -> None:
    op.execute(MAY_NOT)
    op.drop_column("idempotency_keys", "held_until")
    op.drop_table("ledger_postings")
    op.drop_index(op.f("ix_payment_reversals_payment_id"), table_name="payment_reversals")
    op.drop_index(
        "ix_payment_reversals_asked",
        table_name="payment_reversals",
        postgresql_where=sa.text("provider_id IS NULL AND status = 'requested'"),
    )
    op.drop_table("payment_reversals")
    op.drop_index(op.f("ix_ledger_entries_payment_id"), table_name="ledger_entries")
    op.drop_index(op.f("ix_ledger_entries_fund"), table_name="ledger_entries")
    op.drop_index(op.f("ix_ledger_entries_about"), table_name="ledger_entries")
    op.drop_table("ledger_entries")
    op.drop_index(
        "uq_payments_open_installment",
        table_name="payments",
        postgresql_where=sa.text("status IN ('pending', 'processing')"),
    )
    op.drop_index(op.f("ix_payments_user_id"), table_name="payments")
    op.drop_index(
        "ix_payments_open",
        table_name="payments",
        postgresql_where=sa.text("status IN ('pending', 'processing', 'failed')"),
    )
    op.drop_index(op.f("ix_payments_installment_id"), table_name="payments")
    op.drop_table("payments")
    op.drop_index(op.f("ix_waqf_donations_user_id_created_at_id"), table_name="waqf_donations")
    op.drop_index(
        "ix_waqf_donations_public",
        table_name="waqf_donations",
        postgresql_where=sa.text("status = 'succeeded'"),
    )
    op.drop_index(op.f("ix_waqf_donations_project_id_user_id_status"), table_name="waqf_donations")
    op.drop_table("waqf_donations")
    op.drop_index(
        "ix_webhook_events_waiting", table_name="webhook_events", postgresql_where=sa.text("waits")
    )
    op.drop_index(op.f("ix_webhook_events_received_at"), table_name="webhook_events")
    op.drop_table("webhook_events")
    op.drop_table("waqf_receipt_years")
    op.drop_index(op.f("ix_waqf_projects_created_at_id"), table_name="waqf_projects")
    op.drop_table("waqf_projects")
    op.execute("DROP FUNCTION ledger_refuse, ledger_balance, ledger_closed")
