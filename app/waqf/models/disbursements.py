"""What the funds of projects have paid out."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from ... import clock
from ...audit.models import record_changes
from ...database.base import APPEND_ONLY, Base, UUIDPrimaryKeyMixin, db
from ...database.prepared import newest_first, prepared_query, sql_property
from ...ledger.models import GUARDS
from .projects import Project


@record_changes(
    *("project_id", "amount", "currency", "paid_on", "reference"),
    subject="disbursement",
    hidden=("recipient",),
)
class Disbursement(UUIDPrimaryKeyMixin, Base):
    """A payment out of a project's fund. A mistake is corrected by a DisbursementReversal."""

    __tablename__ = "waqf_disbursements"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "project_id", "reference_key"),
        APPEND_ONLY,
    )

    project_id: Mapped[UUID] = mapped_column(ForeignKey("waqf_projects.id"))
    amount: Mapped[Decimal]
    currency: Mapped[str]
    paid_on: Mapped[date] = mapped_column(Date)
    recipient: Mapped[str]
    purpose: Mapped[str]
    reference: Mapped[str]
    reference_key: Mapped[str]  # as references are compared
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @sql_property
    def reversed_at(cls: Any) -> Any:
        return _of_reversal(cls, DisbursementReversal.created_at)

    @sql_property
    def reversal_reason(cls: Any) -> Any:
        return _of_reversal(cls, DisbursementReversal.reason)

    @prepared_query
    def by_id(cls: Any, id):
        return db.select(cls).where(cls.id == id)

    @prepared_query
    def for_project(cls: Any, project_id):
        """Select a project's disbursements, newest first."""
        query = db.select(cls).where(cls.project_id == project_id)
        return newest_first(query, cls.created_at, cls.id)

    @classmethod
    def has_reference(cls, project: Project, reference_key: str) -> bool:
        """Whether a locked project has a disbursement with this reference that stands."""
        is_reversed = db.exists().where(DisbursementReversal.disbursement_id == cls.id)
        query = db.select(cls.id).where(
            cls.project_id == project.id, cls.reference_key == reference_key, ~is_reversed
        )
        return db.session.scalar(query.limit(1)) is not None


@record_changes(
    *("reason", "created_at"),
    subject="disbursement",
    subject_id="disbursement_id",
    part="reversal",
)
class DisbursementReversal(Base):
    """The correction of a disbursement that was recorded by mistake or came back."""

    __tablename__ = "waqf_disbursement_reversals"
    __table_args__ = APPEND_ONLY

    disbursement_id: Mapped[UUID] = mapped_column(
        ForeignKey("waqf_disbursements.id"), primary_key=True
    )
    reason: Mapped[str]
    reversed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


GUARDS["waqf_disbursements"] = {
    "disbursements_are_never_changed": "9019172283272139c9397fad9ef2eef8",
    "disbursements_are_never_emptied": "25f320d5a4121a85a97f1be06153a1d0",
}
GUARDS["waqf_disbursement_reversals"] = {
    "disbursement_reversals_are_never_changed": "4c91bac0bcb78a6f74e6a2616f79c651",
    "disbursement_reversals_are_never_emptied": "f710a83939566b38e35004b0c73f643a",
}


def _of_reversal(disbursement: Any, column: Any) -> Any:
    """Build the sub-select of a column of a disbursement's reversal; NULL if there is none."""
    own = db.select(column).where(DisbursementReversal.disbursement_id == disbursement.id)
    return own.correlate(disbursement.__table__).scalar_subquery()
