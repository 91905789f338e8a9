"""Stored calculations."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Row
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from ... import clock
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import (
    PreparedInsert,
    newest_first,
    prepared_insert,
    prepared_query,
)
from ...users.models import on_user_erased


class Calculation(UUIDPrimaryKeyMixin, Base):
    """A calculation as its response had it; it is never updated."""

    __tablename__ = "zakat_calculations"
    __table_args__ = (
        CheckConstraint("wealth >= 0 AND zakat_amount >= 0 AND nisab >= 0", name="not_negative"),
        Index(None, "user_id", "calculated_at", "id"),
        Index(
            "ix_zakat_calculations_hawl",
            "hawl_completes_on",
            postgresql_where=db.text("hawl_completes_on IS NOT NULL"),
        ),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    wealth: Mapped[Decimal]
    nisab: Mapped[Decimal | None]
    zakat_amount: Mapped[Decimal]
    eligible: Mapped[bool]
    rate: Mapped[Decimal]
    currency: Mapped[str]
    nisab_basis: Mapped[str | None]
    year_basis: Mapped[str]
    breakdown: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    hawl_started_on: Mapped[date | None]
    hawl_completes_on: Mapped[date | None]
    # Of an itemized calculation, since release 0.3:
    as_of: Mapped[date | None]
    school: Mapped[str | None]
    nisab_standard: Mapped[str | None]
    nisab_grams: Mapped[Decimal | None]
    nisab_price_per_gram: Mapped[Decimal | None]
    nisab_priced_on: Mapped[date | None]
    rates: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    hawl_interrupted_on: Mapped[date | None]
    hawl_resumed_on: Mapped[date | None]
    assumptions: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    notes: Mapped[str | None]
    calculated_at: Mapped[datetime] = mapped_column(default=clock.now)

    @prepared_query
    def for_user(cls: Any, user_id, id):
        """Select the user's calculations, newest first, or the one with ``id``."""
        own = db.select(cls).where(cls.user_id == user_id)
        if id is not None:
            return own.where(cls.id == id)
        return newest_first(own, cls.calculated_at, cls.id)

    @classmethod
    def insert(cls, **values: Any) -> PreparedInsert:
        """Prepare the insert of a calculation; a column without a value gets its default."""
        return prepared_insert(cls, id=uuid7(), **values)

    @classmethod
    def stored_size(cls, user_id: UUID) -> int:
        """Return the bytes of the user's breakdowns as stored, which does not read them."""
        size = db.func.sum(db.func.pg_column_size(cls.breakdown))
        query = db.select(db.func.coalesce(size, 0)).where(cls.user_id == user_id)
        return db.session.scalar(query) or 0

    @classmethod
    def delete(cls, user: Any, id: UUID) -> bool:
        """Delete the user's calculation with ``id``. Return False if there is none."""
        deleted = db.session.scalar(
            db.delete(cls).where(cls.user_id == user.id, cls.id == id).returning(cls.id)
        )
        return deleted is not None

    @classmethod
    def totals(cls, user: Any, year: int) -> list[Row[Any]]:
        """Return number and sums of the user's calculations in a Gregorian year, by currency.

        The year is that of the institution's time zone.
        """
        begin, end = (clock.start_of_day(date(first, 1, 1)) for first in (year, year + 1))
        return list(
            db.session.execute(
                db.select(
                    cls.currency,
                    db.func.count().label("calculations"),
                    db.func.sum(cls.wealth).label("wealth"),
                    db.func.sum(cls.zakat_amount).label("zakat_amount"),
                )
                .where(cls.user_id == user.id, cls.calculated_at >= begin, cls.calculated_at < end)
                .group_by(cls.currency)
                .order_by(cls.currency)
            )
        )


@on_user_erased
def delete_calculations(user_id: UUID) -> None:
    """Delete all calculations of the user."""
    db.session.execute(db.delete(Calculation).where(Calculation.user_id == user_id))
