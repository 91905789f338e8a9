"""Stored calculations, and the metal prices that they are based on."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy import CheckConstraint, ForeignKey, Index, Row
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, composite, mapped_column
from uuid_utils.compat import uuid7

from .. import clock
from ..audit.models import record_changes
from ..database.base import Base, UUIDPrimaryKeyMixin, db
from ..database.prepared import (
    PreparedInsert,
    PreparedQuery,
    newest_first,
    prepared_insert,
    prepared_query,
)
from ..users.models import on_user_erased


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
        """Prepare the insert of a calculation."""
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


@dataclass(frozen=True)
class NisabThreshold:
    """The nisab by a metal, as published."""

    price_per_gram: Decimal
    grams: int
    nisab: Decimal


@record_changes(
    *("currency", "gold_price_per_gram", "silver_price_per_gram", "effective_at"),
    subject="nisab",
)
class MetalPrice(UUIDPrimaryKeyMixin, Base):
    """The prices of a gram of pure gold and silver from ``effective_at`` on; never changed."""

    __tablename__ = "zakat_metal_prices"
    __table_args__ = (
        CheckConstraint("gold_price_per_gram > 0 AND silver_price_per_gram > 0", name="positive"),
        Index(None, "currency", "effective_at", "id"),
    )

    currency: Mapped[str]
    gold: Mapped[NisabThreshold] = composite(
        mapped_column("gold_price_per_gram"),
        mapped_column("gold_grams"),
        mapped_column("gold_nisab"),
    )
    silver: Mapped[NisabThreshold] = composite(
        mapped_column("silver_price_per_gram"),
        mapped_column("silver_grams"),
        mapped_column("silver_nisab"),
    )
    effective_at: Mapped[datetime]
    hijri_date: Mapped[str]
    published_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @prepared_query
    def history(cls: Any, currency):
        """Select all prices published in ``currency``, the latest first."""
        return newest_first(
            db.select(cls).where(cls.currency == currency), cls.effective_at, cls.id
        )

    @classmethod
    def count(cls, currency: str) -> int:
        """Count the prices published in ``currency``."""
        query = db.select(db.func.count()).select_from(cls).where(cls.currency == currency)
        return db.session.scalar(query) or 0

    @classmethod
    def current(cls, currency: str) -> PreparedQuery:
        """Select the price in effect now, if it is not older than NISAB_MAX_AGE_DAYS."""
        now = clock.now()
        oldest = now - timedelta(days=current_app.config["NISAB_MAX_AGE_DAYS"])
        return cls.latest(currency, oldest, now)

    @prepared_query
    def latest(cls: Any, currency, oldest, now):
        """Select the last price that took effect between ``oldest`` and ``now``."""
        return (
            db.select(cls)
            .where(cls.currency == currency, cls.effective_at.between(oldest, now))
            .order_by(cls.effective_at.desc(), cls.id.desc())
            .limit(1)
        )
