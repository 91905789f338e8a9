"""The history of an application."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, literal_column, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...audit.models import record_changes
from ...database.base import APPEND_ONLY, Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import newest_first, prepared_query, sql_property
from ...ledger.models import GUARDS

GUARDS["murabaha_events"] = {"events_are_never_changed": "c7751db7a60c6ae8418c7c861250b817"}


@record_changes("id", "action", subject="application", subject_id="application_id", part="event")
class ApplicationEvent(UUIDPrimaryKeyMixin, Base):
    """A transition of an application. Append-only: a trigger rejects every change."""

    __tablename__ = "murabaha_events"
    __table_args__ = (
        Index(None, "application_id", "position"),
        Index(
            "ix_murabaha_events_evidence",
            text("(facts ->> 'evidence')"),
            postgresql_where=text("(facts ->> 'evidence') IS NOT NULL"),
        ),
        APPEND_ONLY,
    )

    position: Mapped[int] = mapped_column(BigInteger, Identity())  # orders events of one time
    application_id: Mapped[UUID] = mapped_column(ForeignKey("murabaha_applications.id"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))  # None: the service itself
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @sql_property
    def facts_for_client(cls: Any) -> Any:
        """The facts without the ids of staff."""
        return cls.facts.op("-")(literal_column("'requestedBy'"))

    @classmethod
    def buyer_of(cls, application: Any) -> Any:
        """Build the name of a buyer whose account was erased; NULL if it was not."""
        name = cls.facts.op("->>")(literal_column("'buyer'"))
        erasure = (cls.application_id == application.id) & (
            cls.action == literal_column("'erase_client'")
        )
        buyer = db.select(name).where(erasure).limit(literal_column("1"))
        # Explicitly, because the statement that contains it may be a sub-select itself.
        return buyer.correlate(application.__table__).scalar_subquery()

    @prepared_query
    def for_application(cls: Any, application_id, action):
        """Select an application's events, newest first; with ``action`` only those."""
        own = db.select(cls).where(cls.application_id == application_id)
        if action is not None:
            own = own.where(cls.action == action)
        return newest_first(own, cls.position)
