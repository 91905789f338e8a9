"""Documents as they were issued, the logos that they show, and the counters of their numbers."""

from collections.abc import Sequence
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
# 80 random bits, of two UUIDs from a cryptographically strong source, without their fixed bits.
RANDOM_CODE = db.text(
    "substr(uuid_send(gen_random_uuid()), 1, 5) || substr(uuid_send(gen_random_uuid()), 1, 5)"
)


class Document(UUIDPrimaryKeyMixin, Base):
    """A receipt, agreement, statement or report, issued under a number. Append-only.

    ``content`` of a receipt or agreement is all that it says. A statement, a report of zakat and a
    receipt of a year are made of other records, so that theirs is a digest of those.
    """

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        Index(None, "kind", "number", unique=True),
        Index(None, "code", unique=True),
        Index(None, "user_id"),
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
    code: Mapped[bytes] = mapped_column(LargeBinary, server_default=RANDOM_CODE)
    # Of the donation, the application, or the statement's user; else made from user and content.
    subject_id: Mapped[UUID]
    # No foreign key: it would keep a user with nothing but statements, which have no name, from
    # being deleted, and the rows of this table cannot be.
    user_id: Mapped[UUID | None]
    issued_at: Mapped[datetime]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    content_hash: Mapped[str]

    def languages(self, requested: Sequence[str]) -> Sequence[str]:
        """Return the languages it is rendered in, of those requested.

        A document of a release that knew English only has no others.
        """
        return requested if "versions" in self.content else ["en"]

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
    def find_by_code(cls, code: bytes) -> Self | None:
        """Return the document that ``code`` verifies."""
        return db.session.scalar(db.select(cls).where(cls.code == code))

    @classmethod
    def count_since(cls, user_id: UUID, since: datetime) -> int:
        """Return how many documents were issued to a user from a moment on."""
        own = (cls.user_id == user_id) & (cls.issued_at >= since)
        return db.session.scalar(db.select(db.func.count()).select_from(cls).where(own)) or 0

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


class DocumentCounter(Base):
    """The last number of a kind of document in each year, without gaps like a statement's."""

    __tablename__ = "document_years"

    kind: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]

    @classmethod
    def next_number(cls, kind: str, year: int) -> str:
        """Increment the counter, and return the number, which begins with the kind's letter."""
        increment = (
            insert(cls)
            .values(kind=kind, year=year, last=1)
            .on_conflict_do_update(index_elements=["kind", "year"], set_={"last": cls.last + 1})
            .returning(cls.last)
        )
        return f"{kind[0].upper()}-{year}-{db.session.scalar(increment):06}"


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


@register_check
def document_numbers_check() -> str:
    return """
        SELECT y.kind || 's of ' || y.year, y.last, count(d.id)
        FROM document_years y
        LEFT JOIN documents d ON d.kind = y.kind
            AND d.number LIKE upper(left(y.kind, 1)) || '-' || y.year || '-%'
        GROUP BY y.kind, y.year
    """
