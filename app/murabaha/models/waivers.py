"""Parts of the price that the institution has waived as charity."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...audit.models import record_changes
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import newest_first, prepared_query
from ...ledger.models import GUARDS
from ..rules import WaiverNotFound

GUARDS["murabaha_waivers"] = {
    "waivers_are_never_deleted": "28cb00fb0f56a62d105cb7d6169f98fc",
    "a_waiver_is_fixed": "a1138e25b6b5e30a51091f358f15fb3f",
}


@record_changes(
    *("id", "number", "amount", "reversed_at"),
    subject="application",
    subject_id="application_id",
    part="waiver",
)
class Waiver(UUIDPrimaryKeyMixin, Base):
    """A waiver. Nothing of it changes, except that it can be reversed once."""

    __tablename__ = "murabaha_waivers"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(
            "num_nulls(reversed_at, reversed_by, reversal_reason) IN (0, 3)", name="reversed"
        ),
        Index(None, "application_id", "created_at", "id"),
    )

    application_id: Mapped[UUID] = mapped_column(ForeignKey("murabaha_applications.id"))
    number: Mapped[int]  # of the instalment
    amount: Mapped[Decimal]
    reason: Mapped[str]
    granted_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    reversed_at: Mapped[datetime | None]
    reversed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    reversal_reason: Mapped[str | None]

    @prepared_query
    def for_application(cls: Any, application_id):
        """Select an application's waivers, newest first."""
        own = db.select(cls).where(cls.application_id == application_id)
        return newest_first(own, cls.created_at, cls.id)

    @classmethod
    def get_for_update(cls, application_id: UUID, id: UUID) -> "Waiver":
        """Lock the application's waiver. Raises WaiverNotFound."""
        query = db.select(cls).where(cls.id == id, cls.application_id == application_id)
        waiver = db.session.scalar(query.with_for_update())
        if waiver is None:
            raise WaiverNotFound
        return waiver
