"""Add the queue of jobs, with procrastinate's own schema, and a record of what ran."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

# As shipped with that release; a later one brings its changes in a migration of its own.
SCHEMA = Path(__file__).parent.parent / "procrastinate" / "3.10.0.sql"


def upgrade() -> None:
    # The driver sends several statements at once, and leaves "%" alone, only without parameters.
    op.get_bind().connection.driver_connection.execute(SCHEMA.read_text())
    op.create_table(
        "job_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("job_id", sa.BigInteger()),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration", sa.Numeric(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
        sa.CheckConstraint("outcome IN ('succeeded', 'failed')", name=op.f("ck_job_runs_outcome")),
        sa.CheckConstraint(
            "(error IS NULL) = (outcome = 'succeeded')", name=op.f("ck_job_runs_error")
        ),
    )
    op.create_index(op.f("ix_job_runs_name_started_at"), "job_runs", ["name", "started_at"])
    op.create_index(op.f("ix_job_runs_started_at"), "job_runs", ["started_at"])
    # A job that has succeeded is never done again, even if its worker could not say so.
    op.create_index(
        "uq_job_runs_succeeded",
        "job_runs",
        ["job_id"],
        unique=True,
        postgresql_where=sa.text("outcome = 'succeeded'"),
    )


def downgrade() -> None:
    op.drop_table("job_runs")
    for table in ("periodic_defers", "events", "jobs", "workers"):
        op.execute(f"DROP TABLE procrastinate_{table} CASCADE")
    op.execute("""
        DO $$
        DECLARE routine regprocedure;
        BEGIN
            FOR routine IN
                SELECT oid::regprocedure FROM pg_proc
                WHERE proname LIKE 'procrastinate\\_%'
                AND pronamespace = current_schema()::regnamespace
            LOOP
                EXECUTE 'DROP FUNCTION ' || routine;
            END LOOP;
        END $$
    """)
    for name in ("job_to_defer_v1", "job_event_type", "job_status"):
        op.execute(f"DROP TYPE procrastinate_{name}")
