"""Index where records refer to uploaded files, to find out quickly whether one is in use."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index(
        "ix_murabaha_applications_documents",
        "murabaha_applications",
        ["documents"],
        postgresql_using="gin",
    )
    op.execute(
        "CREATE INDEX ix_murabaha_events_evidence ON murabaha_events ((facts ->> 'evidence'))"
        " WHERE (facts ->> 'evidence') IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_index("ix_murabaha_events_evidence", "murabaha_events")
    op.drop_index("ix_murabaha_applications_documents", "murabaha_applications")
