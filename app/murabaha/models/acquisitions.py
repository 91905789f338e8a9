"""Goods that the institution has bought: from whom, on which invoice, and for which sale."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...audit.models import record_changes
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...ledger.models import GUARDS

GUARDS["murabaha_acquisitions"] = {
    "acquisitions_are_never_deleted": "6be81effe8119dd61f751f350dfd198d",
    "an_acquisition_is_fixed": "7c48557b19ed1997e9f999e54b7701d8",
}


@record_changes(
    *("id", "invoice", "invoice_amount", "acquired_on", "evidence", "released_at"),
    subject="application",
    subject_id="application_id",
    part="acquisition",
)
class Acquisition(UUIDPrimaryKeyMixin, Base):
    """An acquisition. Nothing of it changes, except that it can be released once.

    It is released when there is no sale: the institution still owns the goods, and can sell them
    under the same invoice and evidence, to this client or another.
    """

    __tablename__ = "murabaha_acquisitions"
    __table_args__ = (
        CheckConstraint("invoice_amount > 0", name="invoice_amount"),
        Index(None, "application_id", "created_at", "id"),
        Index(
            "uq_murabaha_acquisitions_invoice",
            *("vendor_id", "invoice_key"),
            unique=True,
            postgresql_where=text("released_at IS NULL"),
        ),
        Index(
            "uq_murabaha_acquisitions_evidence",
            "evidence_key",
            unique=True,
            postgresql_where=text("released_at IS NULL"),
        ),
    )

    application_id: Mapped[UUID] = mapped_column(ForeignKey("murabaha_applications.id"))
    vendor_id: Mapped[UUID] = mapped_column(ForeignKey("murabaha_vendors.id"))
    invoice: Mapped[str]
    # As they are compared; None for a repetition from before migration 0031.
    invoice_key: Mapped[str | None]
    invoice_amount: Mapped[Decimal]
    acquired_on: Mapped[date]
    evidence: Mapped[str | None]
    evidence_key: Mapped[str | None]
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    released_at: Mapped[datetime | None]

    @classmethod
    def release(cls, application_id: UUID) -> None:
        """Let the goods of an application that is no sale be sold under another."""
        if acquisition := cls.find_held(application_id):
            acquisition.released_at = clock.now()

    @classmethod
    def find_held(cls, application_id: UUID) -> "Acquisition | None":
        """Return the acquisition of the goods that the application sells or has sold."""
        held = db.select(cls).where(cls.application_id == application_id, cls.released_at.is_(None))
        return db.session.scalar(held)

    @classmethod
    def find_holder(cls, *conditions: Any) -> UUID | None:
        """Return the application that holds an acquisition with these properties."""
        held = db.select(cls.application_id).where(*conditions, cls.released_at.is_(None))
        return db.session.scalar(held)
