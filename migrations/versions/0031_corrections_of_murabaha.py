"""Add acquisitions, waivers, promises to pay and agreed due dates to murabaha.

The previous release can serve beside it. Acquisitions that it records meanwhile have no row, and so
do not keep their invoice from being used again; the due dates of its sales are in the history.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"

GUARDS = """
CREATE TRIGGER acquisitions_are_never_deleted BEFORE DELETE ON murabaha_acquisitions
    FOR EACH ROW EXECUTE FUNCTION murabaha_refuse();
CREATE TRIGGER an_acquisition_is_fixed BEFORE UPDATE ON murabaha_acquisitions
    FOR EACH ROW WHEN (OLD.released_at IS NOT NULL OR NEW.released_at IS NULL OR
        (OLD.id, OLD.application_id, OLD.vendor_id, OLD.invoice, OLD.invoice_key,
         OLD.invoice_amount, OLD.acquired_on, OLD.evidence, OLD.evidence_key, OLD.recorded_by,
         OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.application_id, NEW.vendor_id, NEW.invoice, NEW.invoice_key,
         NEW.invoice_amount, NEW.acquired_on, NEW.evidence, NEW.evidence_key, NEW.recorded_by,
         NEW.created_at))
    EXECUTE FUNCTION murabaha_refuse();
CREATE TRIGGER waivers_are_never_deleted BEFORE DELETE ON murabaha_waivers
    FOR EACH ROW EXECUTE FUNCTION murabaha_refuse();
CREATE TRIGGER a_waiver_is_fixed BEFORE UPDATE ON murabaha_waivers
    FOR EACH ROW WHEN (OLD.reversed_at IS NOT NULL OR NEW.reversed_at IS NULL OR
        (OLD.id, OLD.application_id, OLD.number, OLD.amount, OLD.reason, OLD.granted_by,
         OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.application_id, NEW.number, NEW.amount, NEW.reason, NEW.granted_by,
         NEW.created_at))
    EXECUTE FUNCTION murabaha_refuse();
CREATE TRIGGER promises_are_never_deleted BEFORE DELETE ON murabaha_promises
    FOR EACH ROW EXECUTE FUNCTION murabaha_refuse();
CREATE TRIGGER a_promise_is_fixed BEFORE UPDATE ON murabaha_promises
    FOR EACH ROW WHEN (OLD.withdrawn_at IS NOT NULL OR NEW.withdrawn_at IS NULL OR
        (OLD.id, OLD.application_id, OLD.promised_on, OLD.amount, OLD.note, OLD.recorded_by,
         OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.application_id, NEW.promised_on, NEW.amount, NEW.note, NEW.recorded_by,
         NEW.created_at))
    EXECUTE FUNCTION murabaha_refuse();
"""

# A rebate or a waiver that is taken back raises what is left of an instalment again, never beyond
# its amount in the contract. What was agreed as its due date does not change.
MAY_BE_TAKEN_BACK = """
DROP TRIGGER an_installment_is_fixed ON murabaha_installments;
CREATE TRIGGER an_installment_is_fixed BEFORE UPDATE ON murabaha_installments
    FOR EACH ROW WHEN (OLD.application_id <> NEW.application_id OR OLD.number <> NEW.number
        OR OLD.amount <> NEW.amount OR OLD.agreed_due_date IS DISTINCT FROM NEW.agreed_due_date)
    EXECUTE FUNCTION murabaha_refuse();
"""
MAY_NOT = """
DROP TRIGGER an_installment_is_fixed ON murabaha_installments;
CREATE TRIGGER an_installment_is_fixed BEFORE UPDATE ON murabaha_installments
    FOR EACH ROW WHEN (OLD.application_id <> NEW.application_id OR OLD.number <> NEW.number
        OR OLD.amount <> NEW.amount OR NEW.waived < OLD.waived)
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
           coalesce(sum(amount - paid_amount - waived), 0)
           + CASE WHEN sale.has_booked_down_payment
                  THEN sale.agreed_down_payment - sale.down_payment_received ELSE 0 END AS remaining
        INTO parts FROM murabaha_installments WHERE application_id = sale.id;
    IF sale.accepted_at IS NULL AND parts.number > 0
        OR sale.accepted_at IS NOT NULL AND (parts.number <> sale.term_months
            OR parts.amount <> sale.financed OR parts.waived <> sale.rebate{}
            OR (parts.remaining = 0) <> (sale.state = 'completed'))
    THEN
        RAISE EXCEPTION 'the instalments of % do not add up', sale.application_number
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""

# The acquisitions that were recorded until now, from the history. Of those with the same invoice of
# a vendor, or with the same evidence, only the first has a key, which is unique.
ACQUISITIONS = r"""
INSERT INTO murabaha_acquisitions (id, application_id, vendor_id, invoice, invoice_key,
                                   invoice_amount, acquired_on, evidence, evidence_key,
                                   recorded_by, created_at, released_at)
SELECT id, application_id, vendor_id, invoice,
       CASE row_number() OVER (PARTITION BY vendor_id, key, is_held ORDER BY position)
            WHEN 1 THEN key END,
       cost, acquired_on, evidence,
       CASE row_number() OVER (PARTITION BY evidence, is_held ORDER BY position)
            WHEN 1 THEN evidence END,
       user_id, created_at, CASE WHEN NOT is_held THEN updated_at END
FROM (
    SELECT e.*, a.vendor_id, a.cost, a.acquired_on, a.updated_at,
           a.state IN ('acquired', 'active', 'completed') AS is_held,
           facts ->> 'invoice' AS invoice, facts ->> 'evidence' AS evidence,
           btrim(regexp_replace(lower(normalize(facts ->> 'invoice', NFKC)), '\s+', ' ', 'g'))
               AS key
    FROM murabaha_events e JOIN murabaha_applications a ON a.id = e.application_id
    WHERE action = 'acquire'
) AS acquired
"""


def upgrade():
    op.add_column("murabaha_installments", sa.Column("agreed_due_date", sa.Date()))
    op.add_column(
        "murabaha_applications",
        sa.Column("waived_as_charity", sa.Numeric(), server_default="0", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_murabaha_applications_waived_as_charity"),
        "murabaha_applications",
        "waived_as_charity >= 0",
    )
    create_acquisitions()
    create_waivers()
    create_promises()
    op.execute(MAY_BE_TAKEN_BACK)
    op.execute(ADD_UP.format(" + sale.waived_as_charity"))
    op.execute(ACQUISITIONS)
    op.execute(GUARDS)


def create_acquisitions():
    create_table(
        "acquisitions",
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("invoice", sa.Text(), nullable=False),
        sa.Column("invoice_key", sa.Text()),
        sa.Column("invoice_amount", sa.Numeric(), nullable=False),
        sa.Column("acquired_on", sa.Date(), nullable=False),
        sa.Column("evidence", sa.Text()),
        sa.Column("evidence_key", sa.Text()),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "invoice_amount > 0", name=op.f("ck_murabaha_acquisitions_invoice_amount")
        ),
        sa.ForeignKeyConstraint(
            ["vendor_id"], ["murabaha_vendors.id"], name=op.f("fk_murabaha_acquisitions_vendor_id")
        ),
        people=("recorded_by",),
    )
    for name, columns in (
        ("invoice", ["vendor_id", "invoice_key"]),
        ("evidence", ["evidence_key"]),
    ):
        op.create_index(
            f"uq_murabaha_acquisitions_{name}",
            "murabaha_acquisitions",
            columns,
            unique=True,
            postgresql_where=sa.text("released_at IS NULL"),
        )


def create_waivers():
    create_table(
        "waivers",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.Column("reversed_at", sa.DateTime(timezone=True)),
        sa.Column("reversed_by", sa.Uuid()),
        sa.Column("reversal_reason", sa.Text()),
        sa.CheckConstraint("amount > 0", name=op.f("ck_murabaha_waivers_amount")),
        sa.CheckConstraint(
            "num_nulls(reversed_at, reversed_by, reversal_reason) IN (0, 3)",
            name=op.f("ck_murabaha_waivers_reversed"),
        ),
        people=("granted_by", "reversed_by"),
    )


def create_promises():
    create_table(
        "promises",
        sa.Column("promised_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.Numeric()),
        sa.Column("note", sa.Text()),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True)),
        sa.Column("withdrawn_by", sa.Uuid()),
        sa.CheckConstraint("amount > 0", name=op.f("ck_murabaha_promises_amount")),
        sa.CheckConstraint(
            "num_nulls(withdrawn_at, withdrawn_by) IN (0, 2)",
            name=op.f("ck_murabaha_promises_withdrawn"),
        ),
        people=("recorded_by", "withdrawn_by"),
    )


def create_table(name, *columns, people):
    """Create a table of what staff have recorded about an application."""
    table = f"murabaha_{name}"
    op.create_table(
        table,
        sa.Column("application_id", sa.Uuid(), nullable=False),
        *columns,
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["murabaha_applications.id"],
            name=op.f(f"fk_{table}_application_id"),
        ),
        *(
            sa.ForeignKeyConstraint([person], ["users.id"], name=op.f(f"fk_{table}_{person}"))
            for person in people
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    for indexed in (["application_id", "created_at", "id"], *([person] for person in people)):
        op.create_index(op.f(f"ix_{table}_{'_'.join(indexed)}"), table, indexed)


def downgrade():
    op.execute(ADD_UP.format(""))
    op.execute(MAY_NOT)
    for name in ("promises", "waivers", "acquisitions"):
        op.drop_table(f"murabaha_{name}")
    op.drop_column("murabaha_applications", "waived_as_charity")
    op.drop_column("murabaha_installments", "agreed_due_date")
