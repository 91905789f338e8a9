"""Add an index for each filter and order of the lists.

They are built while the service writes. A build that was interrupted leaves an invalid index, which
is dropped by the next attempt. The previous release can serve beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"

ADDED = {
    "ix_users_created_at_id": ("users", ["created_at", "id"], {}),
    "ix_users_role_created_at_id": ("users", ["role", "created_at", "id"], {}),
    "ix_users_disabled": ("users", ["created_at", "id"], {"where": "disabled"}),
    "ix_uploads_user_id_created_at_id": ("uploads", ["user_id", "created_at", "id"], {}),
    "ix_approvals_role_requested_at_id": ("approvals", ["role", "requested_at", "id"], {}),
    "ix_approvals_confirmed": (
        *("approvals", ["requested_at", "id"]),
        {"include": ["role"], "where": "confirmed_at IS NOT NULL"},
    ),
    "ix_approvals_unconfirmed": (
        *("approvals", ["expires_at"]),
        {"include": ["role", "requested_at", "id"], "where": "confirmed_at IS NULL"},
    ),
    "ix_murabaha_vendors_created_at_id": ("murabaha_vendors", ["created_at", "id"], {}),
    "ix_murabaha_vendors_active_created_at_id": (
        *("murabaha_vendors", ["active", "created_at", "id"]),
        {},
    ),
    "ix_murabaha_applications_state_created_at_id": (
        *("murabaha_applications", ["state", "created_at", "id"]),
        {},
    ),
    "ix_murabaha_applications_user_id_state_created_at_id": (
        *("murabaha_applications", ["user_id", "state", "created_at", "id"]),
        {},
    ),
    "ix_murabaha_applications_expired": (
        *("murabaha_applications", ["created_at", "id"]),
        {
            "include": ["state", "expires_at"],
            "where": "state IN ('approved', 'acquired', 'expired')",
        },
    ),
    "ix_murabaha_installments_unpaid": (
        *("murabaha_installments", ["due_date", "application_id", "id"]),
        {"where": "paid_amount + waived < amount"},
    ),
    "ix_waqf_projects_active_created_at_id": (
        *("waqf_projects", ["active", "created_at", "id"]),
        {},
    ),
    "ix_waqf_projects_category_created_at_id": (
        *("waqf_projects", ["category", "created_at", "id"]),
        {},
    ),
    "ix_waqf_donations_amount_id": ("waqf_donations", ["amount", "id"], {}),
    "ix_waqf_donations_user_id_status_created_at_id": (
        *("waqf_donations", ["user_id", "status", "created_at", "id"]),
        {},
    ),
    "ix_waqf_donations_project_id_status_created_at_id": (
        *("waqf_donations", ["project_id", "status", "created_at", "id"]),
        {},
    ),
    "ix_waqf_donations_unpaid": (
        *("waqf_donations", ["status", "created_at", "id"]),
        {"where": "status <> 'succeeded'"},
    ),
    "ix_waqf_donations_project_id_amount_id": (
        *("waqf_donations", ["project_id", "amount", "id"]),
        {},
    ),
    "ix_payouts_status_occurred_at_id": ("payouts", ["status", "occurred_at", "id"], {}),
    "ix_payment_exceptions_kind_created_at_id": (
        *("payment_exceptions", ["kind", "created_at", "id"]),
        {},
    ),
}
REPLACED = {
    "ix_uploads_user_id": ("uploads", ["user_id"], {}),
    "ix_waqf_donations_amount": (
        *("waqf_donations", ["amount", "id"]),
        {"where": "status = 'succeeded'"},
    ),
    "ix_waqf_donations_public": (
        *("waqf_donations", ["project_id", "created_at", "id"]),
        {"where": "status = 'succeeded'"},
    ),
    "ix_waqf_donations_pending": (
        *("waqf_donations", ["project_id", "created_at"]),
        {"where": "status = 'pending'"},
    ),
    "ix_waqf_donations_ended": (
        *("waqf_donations", ["status", "created_at", "id"]),
        {"where": "status IN ('failed', 'cancelled', 'refunded')"},
    ),
}


def upgrade():
    replace_indexes(ADDED, REPLACED)


def downgrade():
    replace_indexes(REPLACED, ADDED)


def replace_indexes(added, dropped):
    """Build and drop indexes one by one, each outside a transaction.

    A build waits for the transactions that have begun before, and blocks none meanwhile: it has no
    time limit.
    """
    op.execute("COMMIT")
    op.execute("SET lock_timeout = 0")
    for name, (table, columns, options) in added.items():
        drop_index(name, table)
        postgresql = {f"postgresql_{key}": value for key, value in options.items()}
        if "where" in options:
            postgresql["postgresql_where"] = sa.text(options["where"])
        op.create_index(op.f(name), table, columns, postgresql_concurrently=True, **postgresql)
    for name, (table, _, _) in dropped.items():
        drop_index(name, table)
    op.execute("RESET lock_timeout")
    op.execute("BEGIN")


def drop_index(name, table):
    op.drop_index(op.f(name), table, if_exists=True, postgresql_concurrently=True)
