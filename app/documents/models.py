"""Documents as they were issued, the logos that they show, and the counter of statements."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..database.base import APPEND_ONLY, Base, UUIDPrimaryKeyMixin, db
from ..ledger.models import GUARDS, register_check
from .rules import KINDS

GUARDS["documents"] = {
    "documents_are_never_changed": "c6dcfc6c355aa2f981de977dec9809fb",
    "documents_are_never_emptied": "2e4784d3f4a503364fd3f6bd4724b88c",
}
GUARDS["document_logos"] = {
    "logos_are_never_changed": "64df2b0bc1dfe938ca2c0235c574411c",
    "logos_are_never_emptied": "8b6803a070e06ff5145b6fb7c566c768",
}


HAS_SUBJECT = db.text("kind <> 'statement'")  # of which there is one document


class Document(UUIDPrimaryKeyMixin, Base):
    """A receipt, agreement or statement with all that it says. Append-only."""

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        Index(None, "kind", "number", unique=True),
        Index(
            "uq_documents_subject",
            "subject_id",
            unique=True,
            postgresql_where=HAS_SUBJECT,
        ),
        Index(
            "uq_documents_statement",
            "user_id",
            "content_hash",
            unique=True,
            postgresql_where=db.text("kind = 'statement'"),
        ),
        APPEND_ONLY,
    )

    kind: Mapped[str]
    number: Mapped[str]
    subject_id: Mapped[UUID]  # of the donation, the application, or the statement's user
    # No foreign key: it would keep a user with nothing but statements, which have no name, from
    # being deleted, and the rows of this table cannot be.
    user_id: Mapped[UUID | None]
    issued_at: Mapped[datetime]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    content_hash: Mapped[str]

    @classmethod
    def insert_once(cls, **values: Any) -> None:
        """Insert a document, unless its subject has one."""
        row = insert(cls).values(values)
        db.session.execute(
            row.on_conflict_do_nothing(index_elements=["subject_id"], index_where=HAS_SUBJECT)
        )

    @classmethod
    def find(cls, kind: str, subject_id: UUID) -> Self | None:
        """Return the receipt or agreement about a subject."""
        return db.session.scalar(
            db.select(cls).where(cls.kind == kind, HAS_SUBJECT, cls.subject_id == subject_id)
        )

    @classmethod
    def find_statement(cls, user_id: UUID, content_hash: str) -> Self | None:
        """Return the user's statement that says exactly this."""
        return db.session.scalar(
            db.select(cls).where(
                cls.kind == "statement", cls.user_id == user_id, cls.content_hash == content_hash
            )
        )


class DocumentLogo(Base):
    """An image that issued documents show, by the SHA-256 of its bytes. Append-only."""

    __tablename__ = "document_logos"
    __table_args__ = APPEND_ONLY

    hash: Mapped[str] = mapped_column(primary_key=True)
    media_type: Mapped[str]
    image: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def insert_once(cls, hash: str, media_type: str, image: bytes) -> None:
        """Insert a logo, unless it is stored; its bytes are sent only if it is not."""
        if db.session.scalar(db.select(cls.hash).where(cls.hash == hash)) is None:
            row = insert(cls).values(hash=hash, media_type=media_type, image=image)
            db.session.execute(row.on_conflict_do_nothing())


class StatementCounter(Base):
    """The last number of a statement in each year.

    It is incremented in the transaction that uses it, so that there are no gaps.
    """

    __tablename__ = "document_statement_years"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]

    @classmethod
    def next_number(cls, year: int) -> str:
        """Increment the year's counter, and return the number."""
        increment = (
            insert(cls)
            .values(year=year, last=1)
            .on_conflict_do_update(index_elements=["year"], set_={"last": cls.last + 1})
            .returning(cls.last)
        )
        return f"S-{year}-{db.session.scalar(increment):06}"


# Consistency checks: each selects subject, stored and recomputed value


@register_check
def statement_numbers_check() -> str:
    return """
        SELECT 'statements of ' || y.year, y.last, count(d.id)
        FROM document_statement_years y
        LEFT JOIN documents d ON d.kind = 'statement' AND d.number LIKE 'S-' || y.year || '-%'
        GROUP BY y.year
    """
