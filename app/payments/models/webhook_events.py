"""The webhook events that Stripe has sent, each applied once."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...database.base import Base, db

EVENT_RETENTION = timedelta(days=90)  # Stripe retries for three days and can resend for thirty


class WebhookEvent(Base):
    """A webhook event, applied once by its Stripe id. Only its updates are stored."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        Index("ix_webhook_events_unmatched", "intent_id", postgresql_where=db.text("unmatched")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    version: Mapped[str | None]
    updates: Mapped[list[Any]] = mapped_column(JSONB)
    intent_id: Mapped[str | None]
    unmatched: Mapped[bool] = mapped_column(default=False)  # its payment does not exist yet
    received_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)

    @classmethod
    def insert_once(cls, **values: Any) -> bool:
        """Insert the event, or return False if it exists; wait for a concurrent delivery."""
        insertion = insert(cls).values(**values, unmatched=False, received_at=clock.now())
        insertion = insertion.on_conflict_do_nothing(index_elements=["id"])
        return bool(db.session.scalar(insertion.returning(cls.id)))

    @classmethod
    def is_expired(cls) -> Any:
        """Build the condition that Stripe no longer resends the event."""
        return cls.received_at < clock.now() - EVENT_RETENTION

    @classmethod
    def unmatched_for(cls, intent_id: str) -> list["WebhookEvent"]:
        """Return the events for the intent that arrived before its payment, oldest first."""
        query = db.select(cls).where(cls.intent_id == intent_id, cls.unmatched)
        return list(db.session.scalars(query.order_by(cls.received_at)))
