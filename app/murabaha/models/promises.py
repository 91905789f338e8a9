"""What clients have promised to pay, and when."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...audit.models import record_changes
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import bind_callable, newest_first, prepared_query, sql_property
from ...ledger.models import GUARDS
from ..rules import PromiseNotFound

GUARDS["murabaha_promises"] = {
    "promises_are_never_deleted": "f20d39493592b28e10c7b3ee41940d32",
    "a_promise_is_fixed": "ecda99a168aebbd6e11b393e5f25ae03",
}


@record_changes(
    *("id", "promised_on", "amount", "withdrawn_at"),
    subject="application",
    subject_id="application_id",
    part="promise",
)
class Promise(UUIDPrimaryKeyMixin, Base):
    """A promise to pay, which changes nothing of the debt. It can be withdrawn once."""

    __tablename__ = "murabaha_promises"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("num_nulls(withdrawn_at, withdrawn_by) IN (0, 2)", name="withdrawn"),
        Index(None, "application_id", "created_at", "id"),
    )

    application_id: Mapped[UUID] = mapped_column(ForeignKey("murabaha_applications.id"))
    promised_on: Mapped[date]
    amount: Mapped[Decimal | None]
    note: Mapped[str | None]
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)

    @sql_property
    def status(cls: Any) -> Any:
        today = bind_callable(clock.today, Date)
        return db.case(
            (cls.withdrawn_at.is_not(None), "withdrawn"),
            (cls.promised_on >= today, "open"),
            else_="past",
        )

    @prepared_query
    def by_id(cls: Any, id):
        return db.select(cls).where(cls.id == id)

    @prepared_query
    def for_application(cls: Any, application_id):
        """Select an application's promises, newest first."""
        own = db.select(cls).where(cls.application_id == application_id)
        return newest_first(own, cls.created_at, cls.id)

    @classmethod
    def get_for_update(cls, application_id: UUID, id: UUID) -> "Promise":
        """Lock the application's promise. Raises PromiseNotFound."""
        query = db.select(cls).where(cls.id == id, cls.application_id == application_id)
        promise = db.session.scalar(query.with_for_update())
        if promise is None:
            raise PromiseNotFound
        return promise
