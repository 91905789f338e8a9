"""Sellers that the institution buys from."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...audit.models import record_changes
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import newest_first, prepared_query
from ..rules import VendorNotFound


@record_changes("name", "email", "phone", "active", subject="vendor")
class Vendor(UUIDPrimaryKeyMixin, Base):
    """A seller that the institution buys from."""

    __tablename__ = "murabaha_vendors"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "active", "created_at", "id"),
    )

    name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    @prepared_query(choices=("active",))
    def search(cls: Any, active):
        """Select vendors, newest first; with ``active`` only those that are, or are not."""
        query = db.select(cls)
        if active is not None:
            query = query.where(cls.active if active else ~cls.active)
        return newest_first(query, cls.created_at, cls.id)

    @prepared_query
    def by_id(cls: Any, id):
        return db.select(cls).where(cls.id == id)

    @classmethod
    def get_for_update(cls, id: UUID) -> "Vendor":
        """Lock the vendor's row until the transaction ends. Raises VendorNotFound."""
        return cls._get_locked(id, True)

    @classmethod
    def get_for_share(cls, id: UUID) -> "Vendor":
        """Prevent changes of the vendor until the transaction ends. Raises VendorNotFound."""
        return cls._get_locked(id, {"read": True})

    @classmethod
    def _get_locked(cls, id: UUID, lock: Any) -> "Vendor":
        vendor = db.session.get(cls, id, with_for_update=lock)
        if vendor is None:
            raise VendorNotFound
        return vendor
