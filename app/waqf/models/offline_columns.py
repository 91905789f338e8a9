"""What is stated of the donor, and what an officer recorded of money from outside Stripe."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Date, ForeignKey, literal_column
from sqlalchemy.orm import Mapped, mapped_column

from ...database.base import db


class OfflineColumns:
    """A mixin of Donation; its columns are NULL for a user's donation through Stripe."""

    payer_name: Mapped[str | None]  # of a guest, or as an officer recorded it
    payer_email: Mapped[str | None]
    payer_email_key: Mapped[str | None]  # normalized, by which a user who confirms it is found
    method: Mapped[str | None]
    reference: Mapped[str | None]
    reference_key: Mapped[str | None]  # method and reference as they are compared
    received_on: Mapped[date | None] = mapped_column(Date)
    recorded_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reversed_at: Mapped[datetime | None]
    reversed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reversal_reason: Mapped[str | None]

    @classmethod
    def has_reference(cls: Any, project_id: UUID, reference_key: str) -> bool:
        """Whether a project has a recorded donation with this reference that stands."""
        query = db.select(cls.id).where(
            cls.project_id == project_id,
            cls.reference_key == reference_key,
            cls.channel == literal_column("'offline'"),
            cls.reversed_at.is_(None),
        )
        return db.session.scalar(query.limit(1)) is not None
