"""Create the tables of issued documents, their logos, and the counter of statements."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"

GUARDS = """
CREATE TRIGGER documents_are_never_changed BEFORE UPDATE OR DELETE ON documents
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER documents_are_never_emptied BEFORE TRUNCATE ON documents
    EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER logos_are_never_changed BEFORE UPDATE OR DELETE ON document_logos
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER logos_are_never_emptied BEFORE TRUNCATE ON document_logos
    EXECUTE FUNCTION ledger_refuse();
"""


def upgrade():
    op.create_table(
        "documents",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('receipt', 'agreement', 'statement')", name=op.f("ck_documents_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
    )
    op.create_index(op.f("ix_documents_kind_number"), "documents", ["kind", "number"], unique=True)
    op.create_index(
        "uq_documents_subject",
        "documents",
        ["subject_id"],
        unique=True,
        postgresql_where=sa.text("kind <> 'statement'"),
    )
    op.create_index(
        "uq_documents_statement",
        "documents",
        ["user_id", "content_hash"],
        unique=True,
        postgresql_where=sa.text("kind = 'statement'"),
    )
    op.create_table(
        "document_logos",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_document_logos")),
    )
    op.create_table(
        "document_statement_years",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_document_statement_years")),
    )
    op.execute(GUARDS)


def downgrade():
    op.drop_table("document_statement_years")
    op.drop_table("document_logos")
    op.drop_table("documents")
