"""Rename tables, columns, constraints and indexes to the field's terms.

No row is rewritten except unmatched webhook events, whose updates have renamed keys.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

TABLES = [("sign_ins", "user_sessions")]
COLUMNS = [
    ("payments", "told_at", "last_event_at"),
    ("payments", "charge_refunded", "stripe_amount_refunded"),
    ("payments", "method", "payment_method_id"),
    ("waqf_donations", "held", "disputed_amount"),
    ("webhook_events", "facts", "updates"),
    ("webhook_events", "waits", "unmatched"),
    ("idempotency_keys", "sealed", "encrypted_response"),
    ("idempotency_keys", "held_until", "leased_until"),
    ("ledger_entries", "about", "subject_id"),
    ("murabaha_events", "origin", "from_state"),
    ("murabaha_events", "target", "to_state"),
]
CONSTRAINTS = [
    ("user_sessions", "pk_sign_ins", "pk_user_sessions"),
    ("user_sessions", "fk_sign_ins_user_id", "fk_user_sessions_user_id"),
]
INDEXES = [
    ("ix_sign_ins_user_id", "ix_user_sessions_user_id"),
    ("ix_webhook_events_waiting", "ix_webhook_events_unmatched"),
    ("ix_ledger_entries_about", "ix_ledger_entries_subject_id"),
    ("ix_payment_reversals_asked", "ix_payment_reversals_requested"),
]
# Keys of the updates that webhook_events stores as JSON.
UPDATE_KEYS = [("record", "local_id"), ("intent", "payment_intent_id"), ("at", "occurred_at")]


def upgrade():
    for old, new in TABLES:
        op.rename_table(old, new)
    for table, old, new in COLUMNS:
        op.alter_column(table, old, new_column_name=new)
    for table, old, new in CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
    for old, new in INDEXES:
        op.execute(f"ALTER INDEX {old} RENAME TO {new}")
    rename_update_keys("updates", "unmatched", UPDATE_KEYS)


def downgrade():
    for old, new in INDEXES:
        op.execute(f"ALTER INDEX {new} RENAME TO {old}")
    for table, old, new in CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {new} TO {old}")
    for table, old, new in COLUMNS:
        op.alter_column(table, new, new_column_name=old)
    for old, new in TABLES:
        op.rename_table(new, old)
    rename_update_keys("facts", "waits", [(new, old) for old, new in UPDATE_KEYS])


def rename_update_keys(column, unmatched, keys):
    """Rename the keys of the updates of unmatched events; the others are never read again."""
    removed = " - ".join(f"'{old}'" for old, _ in keys)
    added = ", ".join(f"'{new}', item->'{old}'" for old, new in keys)
    op.execute(
        f"UPDATE webhook_events SET {column} ="  # noqa: S608 (constants of this module)
        f" (SELECT jsonb_agg((item - {removed}) || jsonb_build_object({added}))"
        f" FROM jsonb_array_elements({column}) AS item)"
        f" WHERE {unmatched} AND {column} <> '[]'"
    )
