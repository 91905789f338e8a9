"""The numbers of donors and donations of a project, and what is pledged to it."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from ...database.base import db
from .donations import Donation
from .projects import Project


def has_other_from_donor(donation: Donation) -> bool:
    """Whether the donor has another succeeded donation in their name to the same project."""
    query = db.select(Donation.id).where(
        Donation.project_id == donation.project_id,
        Donation.user_id == donation.user_id,
        Donation.status == "succeeded",
        ~Donation.is_anonymous,
        Donation.id != donation.id,
    )
    return db.session.scalar(query.limit(1)) is not None


def goal_met_at(project: Project, donation: Donation, at: datetime) -> datetime:
    """Return when the money was paid that meets the project's goal: ``at`` or later.

    Without ``donation``, of which money counts since ``at``, the goal is not met. The payments that
    were made after ``at``, but reported before, may be needed too.
    """
    counted = Donation.received_amount - Donation.refunded_amount - Donation.disputed_amount
    newest_first = (Donation.succeeded_at.desc(), Donation.id.desc())
    later = (
        db.select(
            Donation.succeeded_at, db.func.sum(counted).over(order_by=newest_first).label("total")
        )
        .where(Donation.project_id == project.id, Donation.status == "succeeded")
        .where(Donation.succeeded_at > at, Donation.id != donation.id)
        .subquery()
    )
    query = db.select(db.func.max(later.c.succeeded_at))
    surplus = project.raised - project.funding_goal
    return db.session.scalar(query.where(later.c.total > surplus)) or at


def totals_for_project(project_id: UUID) -> tuple[int, int, Decimal]:
    """Compute a project's numbers of donors and donations, and what is pledged to it."""
    has_succeeded = Donation.status == "succeeded"
    is_own_donor = Donation.is_anonymous | Donation.user_id.is_(None)
    named = db.func.count(Donation.user_id.distinct()).filter(has_succeeded, ~Donation.is_anonymous)
    others = db.func.count().filter(has_succeeded, is_own_donor)
    held = db.func.coalesce(Donation.held_amount, Donation.amount)
    pledged = db.func.coalesce(db.func.sum(held).filter(Donation.status == "pending"), 0)
    donations = db.func.count().filter(has_succeeded)
    query = db.select(named + others, donations, pledged).where(Donation.project_id == project_id)
    return tuple(db.session.execute(query).one())
