"""Give every document a code that verifies it, and add reports of zakat and receipts of a year.

The previous release can serve beside it: the database makes the codes of its documents. The column
is filled by rewriting the table, which updates no row, so that no trigger refuses it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

KINDS = "('receipt', 'agreement', 'statement')"
ALL_KINDS = "('receipt', 'agreement', 'statement', 'zakat_report', 'year_receipt')"
# 80 random bits, of two UUIDs from a cryptographically strong source, without their fixed bits.
RANDOM_CODE = (
    "substr(uuid_send(gen_random_uuid()), 1, 5) || substr(uuid_send(gen_random_uuid()), 1, 5)"
)


def upgrade():
    code = sa.Column("code", sa.LargeBinary(), nullable=False, server_default=sa.text(RANDOM_CODE))
    op.add_column("documents", code)
    op.create_index(op.f("ix_documents_code"), "documents", ["code"], unique=True)
    op.create_index(op.f("ix_documents_user_id"), "documents", ["user_id"])
    op.drop_constraint(op.f("ck_documents_kind"), "documents")
    op.create_check_constraint(op.f("ck_documents_kind"), "documents", f"kind IN {ALL_KINDS}")
    op.create_table(
        "document_years",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "year", name=op.f("pk_document_years")),
    )


def downgrade():
    op.drop_table("document_years")
    op.drop_constraint(op.f("ck_documents_kind"), "documents")
    op.create_check_constraint(op.f("ck_documents_kind"), "documents", f"kind IN {KINDS}")
    op.drop_index(op.f("ix_documents_user_id"), "documents")
    op.drop_index(op.f("ix_documents_code"), "documents")
    op.drop_column("documents", "code")
