"""The published prices of metals, and which of them is in force."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index
from sqlalchemy.orm import Mapped, aliased, composite, mapped_column

from ... import clock
from ...audit.models import record_changes
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import (
    PreparedQuery,
    bind_callable,
    newest_first,
    prepared_query,
    sql_property,
)

METALS = ("gold", "silver")


@dataclass(frozen=True)
class NisabThreshold:
    """The nisab by a metal, as published."""

    price_per_gram: Decimal
    grams: Decimal
    nisab: Decimal


def oldest_effective_at() -> datetime:
    """Return the earliest time from which a price may have been in effect (NISAB_MAX_AGE_DAYS)."""
    return oldest_before(clock.now())


def oldest_before(moment: datetime) -> datetime:
    """Return the earliest time from which a price of ``moment`` may have been in effect."""
    try:
        return moment - timedelta(days=current_app.config["NISAB_MAX_AGE_DAYS"])
    except OverflowError:  # in the first years of the calendar
        return datetime.min.replace(tzinfo=UTC)


@record_changes(
    *("currency", "gold_price_per_gram", "silver_price_per_gram", "effective_at", "withdrawn_at"),
    subject="nisab",
)
class MetalPrice(UUIDPrimaryKeyMixin, Base):
    """The prices of a gram of pure gold, silver or both from ``effective_at`` on.

    Only the withdrawal changes a row. Of each metal the latest price that has taken effect, is not
    withdrawn and not too old is in force.
    """

    __tablename__ = "zakat_metal_prices"
    __table_args__ = (
        CheckConstraint("gold_price_per_gram > 0 AND silver_price_per_gram > 0", name="positive"),
        CheckConstraint(
            "num_nonnulls(gold_price_per_gram, silver_price_per_gram) > 0", name="has_price"
        ),
        Index(None, "currency", "effective_at", "id"),
    )

    currency: Mapped[str]
    gold: Mapped[NisabThreshold] = composite(
        mapped_column("gold_price_per_gram", nullable=True),
        mapped_column("gold_grams", nullable=True),
        mapped_column("gold_nisab", nullable=True),
    )
    silver: Mapped[NisabThreshold] = composite(
        mapped_column("silver_price_per_gram", nullable=True),
        mapped_column("silver_grams", nullable=True),
        mapped_column("silver_nisab", nullable=True),
    )
    effective_at: Mapped[datetime]
    hijri_date: Mapped[str]
    published_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )

    @sql_property
    def in_force(cls: Any) -> Any:
        """Whether the price of one of its metals is in force."""
        now = bind_callable(clock.now, DateTime(timezone=True))
        oldest = bind_callable(oldest_effective_at, DateTime(timezone=True))
        latest = [_latest_id(cls, metal, oldest, now) for metal in METALS]
        return db.or_(*(db.func.coalesce(cls.id == id, db.false()) for id in latest))

    @prepared_query
    def history(cls: Any, currency):
        """Select all prices published in ``currency``, the latest first."""
        return newest_first(
            db.select(cls).where(cls.currency == currency), cls.effective_at, cls.id
        )

    @prepared_query
    def by_id(cls: Any, id):
        """Select a published price."""
        return db.select(cls).where(cls.id == id)

    @classmethod
    def lock(cls, id: UUID) -> "MetalPrice | None":
        """Lock a published price until the end of the transaction; None if there is none."""
        query = db.select(cls).where(cls.id == id).with_for_update()
        return db.session.scalar(query.execution_options(populate_existing=True))

    @classmethod
    def state(cls, currency: str) -> str:
        """Describe the publications and withdrawals in ``currency``, different after each."""
        counts = db.select(db.func.count(), db.func.count(cls.withdrawn_at))
        published, withdrawn = db.session.execute(counts.where(cls.currency == currency)).one()
        return f"{published}-{withdrawn}" if withdrawn else str(published)

    @classmethod
    def current(cls, currency: str) -> PreparedQuery:
        """Select the prices in force now, by metal (``in_effect``)."""
        now = clock.now()
        return cls.in_effect(currency, oldest_before(now), now)

    @prepared_query
    def in_effect(cls: Any, currency, oldest, now):
        """Select metal, price and time of the last price of each metal from ``oldest`` to ``now``.

        A withdrawn price is left out.
        """
        latest = [
            db.select(
                db.literal_column(f"'{metal}'").label("metal"),
                _price_of(cls, metal).label("price"),
                cls.effective_at,
            )
            .where(*_is_in_effect(cls, metal, currency, oldest, now))
            .order_by(cls.effective_at.desc(), cls.id.desc())
            .limit(1)
            .subquery()
            for metal in METALS
        ]
        return db.union_all(*(db.select(rows) for rows in latest))


def _price_of(entity: Any, metal: str) -> Any:
    return entity.__table__.c[f"{metal}_price_per_gram"]


def _is_in_effect(entity: Any, metal: str, currency: Any, oldest: Any, now: Any) -> list[Any]:
    return [
        entity.currency == currency,
        entity.effective_at.between(oldest, now),
        entity.withdrawn_at.is_(None),
        _price_of(entity, metal).is_not(None),
    ]


def _latest_id(entity: Any, metal: str, oldest: Any, now: Any) -> Any:
    """Select the id of the price of ``metal`` that is in force in the currency of ``entity``."""
    other = aliased(entity)
    price = db.inspect(other).selectable.c[f"{metal}_price_per_gram"]
    return (
        db.select(other.id)
        .where(
            other.currency == entity.currency,
            other.effective_at.between(oldest, now),
            other.withdrawn_at.is_(None),
            price.is_not(None),
        )
        .order_by(other.effective_at.desc(), other.id.desc())
        .limit(1)
        .correlate(entity)
        .scalar_subquery()
    )
