"""Update projects, and check their totals."""

from datetime import date
from typing import Any
from uuid import UUID

from ... import clock
from ...database.base import db
from ...ledger.models import register_check
from ...money import ZERO, require_minor_units
from ...payments.actions.updates import must_exist
from ..models import FundEntry, Project, currency_of, fund_of
from ..models.counts import totals_for_project


def update_project(project_id: UUID, changes: dict[str, Any]) -> None:
    """Update a project. Raises ProjectNotFound and ValidationFailed."""
    project = Project.get_for_update(project_id)
    require_minor_units({"fundingGoal": changes.get("funding_goal")}, project.currency)
    project.set_attributes(changes)
    project.update_completion(clock.now())
    db.session.flush()


def recount_donations(project_id: UUID) -> bool:
    """Recompute a project's counts and pledges from its donations; return whether they changed."""
    project = Project.get_for_update(project_id)
    totals = totals_for_project(project_id)
    have_changed = totals != (project.donor_count, project.donation_count, project.pledged)
    project.donor_count, project.donation_count, project.pledged = totals
    return have_changed


def fund_totals(project_id: UUID, since: date | None, until: date | None) -> dict[str, Any]:
    """Sum what a project's fund received and paid out on the days from ``since`` to ``until``.

    ``balance`` is that of the end of ``until``. Stripe's fees are an expense of the institution's
    own fund. Raises ProjectNotFound.
    """
    currency = currency_of(project_id)
    totals = FundEntry.totals(fund_of(project_id), since, until).row()
    received, refunded, disbursed, balance = must_exist(totals)
    return {
        "currency": currency,
        "received": received,
        "refunded": refunded,
        "fees": ZERO,
        "disbursed": disbursed,
        "balance": balance,
    }


# Consistency checks: each selects subject, stored and recomputed value


@register_check
def projects_raised_check() -> str:
    return """
        SELECT 'raised of project ' || p.id, p.raised, coalesce(-sum(amount), 0)
        FROM waqf_projects p
        LEFT JOIN ledger_entries e ON e.fund = 'waqf ' || p.id AND e.currency = p.currency
        LEFT JOIN ledger_postings l
            ON l.entry_id = e.id AND l.account IN ('donations', 'refunds', 'disputes')
        GROUP BY p.id
    """


@register_check
def projects_disbursed_check() -> str:
    return """
        SELECT 'disbursed of project ' || p.id, p.disbursed, coalesce(sum(amount), 0)
        FROM waqf_projects p
        LEFT JOIN ledger_entries e ON e.fund = 'waqf ' || p.id AND e.currency = p.currency
        LEFT JOIN ledger_postings l ON l.entry_id = e.id AND l.account = 'disbursements'
        GROUP BY p.id
    """


@register_check
def projects_pledged_check() -> str:
    return """
        SELECT 'pledged of project ' || p.id, p.pledged,
               coalesce(sum(coalesce(d.held_amount, d.amount))
                        FILTER (WHERE d.status = 'pending'), 0)
        FROM waqf_projects p LEFT JOIN waqf_donations d ON d.project_id = p.id GROUP BY p.id
    """


@register_check
def project_donors_check() -> str:
    return """
        SELECT 'donors of project ' || p.id, p.donor_count,
               count(DISTINCT d.user_id) FILTER (WHERE d.status = 'succeeded'
                                                 AND NOT d.is_anonymous)
               + count(*) FILTER (WHERE d.status = 'succeeded'
                                    AND (d.is_anonymous OR d.user_id IS NULL))
        FROM waqf_projects p LEFT JOIN waqf_donations d ON d.project_id = p.id GROUP BY p.id
    """


@register_check
def project_donations_check() -> str:
    return """
        SELECT 'donations of project ' || p.id, p.donation_count,
               count(*) FILTER (WHERE d.status = 'succeeded')
        FROM waqf_projects p LEFT JOIN waqf_donations d ON d.project_id = p.id GROUP BY p.id
    """
