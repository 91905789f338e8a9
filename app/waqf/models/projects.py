"""Projects with their totals."""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...audit.models import record_changes
from ...database.base import Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import constant, newest_first, prepared_query, sql_property
from ...money import ZERO
from ..rules import CATEGORIES, ProjectNotFound


@record_changes(
    *("name", "description", "category", "currency", "funding_goal", "active"), subject="project"
)
class Project(UUIDPrimaryKeyMixin, Base):
    """A purpose that donations are made for. Its totals are updated with each donation."""

    __tablename__ = "waqf_projects"
    __table_args__ = (
        CheckConstraint(f"category IN {CATEGORIES}", name="category"),
        CheckConstraint(
            "funding_goal > 0 AND raised >= 0 AND pledged >= 0"
            " AND donor_count >= 0 AND donation_count >= 0",
            name="figures",
        ),
        CheckConstraint("disbursed >= 0", name="disbursed"),
        Index(None, "created_at", "id"),
        Index(None, "active", "created_at", "id"),
        Index(None, "category", "created_at", "id"),
    )

    name: Mapped[str]
    description: Mapped[str | None]
    category: Mapped[str]
    currency: Mapped[str]
    funding_goal: Mapped[Decimal]
    active: Mapped[bool] = mapped_column(default=True)
    raised: Mapped[Decimal] = mapped_column(default=ZERO)
    pledged: Mapped[Decimal] = mapped_column(default=ZERO)  # by pending donations
    disbursed: Mapped[Decimal] = mapped_column(default=ZERO, server_default="0")
    donor_count: Mapped[int] = mapped_column(default=0)
    donation_count: Mapped[int] = mapped_column(default=0)
    completed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @sql_property
    def progress(cls: Any) -> Any:
        """The raised share of the goal, rounded down to 6 decimals: 1 only if the goal is met."""
        return db.func.trim_scale(db.func.trunc(cls.raised / cls.funding_goal, 6))

    @property
    def fund(self) -> str:
        return fund_of(self.id)

    @property
    def balance(self) -> Decimal:
        """What the fund holds; negative if more was disbursed than was not refunded later."""
        return self.raised - self.disbursed

    @property
    def has_met_goal(self) -> bool:
        return self.raised >= self.funding_goal

    def update_completion(self, at: datetime) -> None:
        """Set ``completed_at`` if the goal was met ``at`` that time; clear it if it is not met."""
        self.completed_at = (self.completed_at or at) if self.has_met_goal else None

    @prepared_query
    def by_id(cls: Any, id):
        """Select the project with ``id``."""
        return db.select(cls).where(cls.id == id)

    @prepared_query(choices=("category", "active"))
    def search(cls: Any, category, active):
        """Select projects, newest first, filtered by what is not None."""
        query = db.select(cls)
        if category is not None:
            query = query.where(cls.category == constant(category))
        if active is not None:
            query = query.where(cls.active if active else ~cls.active)
        return newest_first(query, cls.created_at, cls.id)

    @classmethod
    def lock_all(cls, ids: Any) -> None:
        """Lock the projects of a query of ids until the transaction ends, in one order for all."""
        rows = db.select(cls.id).where(cls.id.in_(ids)).order_by(cls.id)
        db.session.execute(rows.with_for_update()).all()

    @classmethod
    def get_for_update(cls, id: UUID) -> "Project":
        """Lock the project's row until the end of the transaction. Raises ProjectNotFound."""
        project = db.session.get(cls, id, with_for_update=True, populate_existing=True)
        if project is None:
            raise ProjectNotFound
        return project


def fund_of(project_id: UUID) -> str:
    """Return the name of a project's fund in the ledger."""
    return f"waqf {project_id}"


@lru_cache(maxsize=4096)
def currency_of(project_id: UUID) -> str:
    """Return a project's currency, which never changes; cached per process.

    Raises ProjectNotFound.
    """
    row = Project.by_id(project_id).select_columns(Project.currency).row()
    if row is None:
        raise ProjectNotFound
    return str(row[0])
