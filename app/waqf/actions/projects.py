"""Update projects, and check their totals."""

from typing import Any
from uuid import UUID

from ...database.base import db
from ...ledger.models import register_check
from ...money import require_minor_units
from ..models import Donation, Project


def update_project(project_id: UUID, changes: dict[str, Any]) -> None:
    """Update a project. Raises ProjectNotFound and ValidationFailed."""
    project = Project.get_for_update(project_id)
    require_minor_units({"fundingGoal": changes.get("funding_goal")}, project.currency)
    project.set_attributes(changes)
    project.update_completion()
    db.session.flush()


def recount_donations(project_id: UUID) -> bool:
    """Recompute a project's counts from its donations; return whether they have changed."""
    project = Project.get_for_update(project_id)
    counts = Donation.count_for_project(project_id)
    have_changed = counts != (project.donor_count, project.donation_count)
    project.donor_count, project.donation_count = counts
    return have_changed


# Consistency checks: each selects subject, stored and recomputed value


@register_check
def projects_raised_check() -> str:
    return """
        SELECT 'raised of project ' || p.id, p.raised, coalesce(sum(amount), 0)
        FROM waqf_projects p
        LEFT JOIN ledger_entries e ON e.fund = 'waqf ' || p.id AND e.currency = p.currency
        LEFT JOIN ledger_postings l ON l.entry_id = e.id AND l.account = 'stripe'
        GROUP BY p.id
    """


@register_check
def projects_pledged_check() -> str:
    return """
        SELECT 'pledged of project ' || p.id, p.pledged,
               coalesce(sum(d.amount) FILTER (WHERE d.status = 'pending'), 0)
        FROM waqf_projects p LEFT JOIN waqf_donations d ON d.project_id = p.id GROUP BY p.id
    """


@register_check
def project_donors_check() -> str:
    return """
        SELECT 'donors of project ' || p.id, p.donor_count,
               count(DISTINCT d.user_id) FILTER (WHERE d.status = 'succeeded'
                                                 AND NOT d.is_anonymous)
               + count(*) FILTER (WHERE d.status = 'succeeded' AND d.is_anonymous)
        FROM waqf_projects p LEFT JOIN waqf_donations d ON d.project_id = p.id GROUP BY p.id
    """


@register_check
def project_donations_check() -> str:
    return """
        SELECT 'donations of project ' || p.id, p.donation_count,
               count(*) FILTER (WHERE d.status = 'succeeded')
        FROM waqf_projects p LEFT JOIN waqf_donations d ON d.project_id = p.id GROUP BY p.id
    """
