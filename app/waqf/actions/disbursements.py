"""Pay out of the funds of projects, and correct what was recorded by mistake."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...approvals.actions import Act, require_approval
from ...approvals.models import Approval
from ...database.base import db
from ...errors import NotFound, ResourceExists
from ...ledger.actions import post
from ...ledger.models import JournalEntry
from ...messages import Message
from ...money import require_minor_units
from ...payments.rules import InvalidTransition, reference_key
from ..models import Disbursement, DisbursementReversal, Project
from ..models.fund_entries import DISBURSEMENTS
from ..rules import FundInsufficient
from .offline import require_not_future

BANK = "bank"  # the account that holds the institution's money


def disburse(
    officer: Any, project_id: UUID, *, amount: Decimal, paid_on: date, reference: str, **texts: str
) -> Disbursement | Approval:
    """Record a payment out of a project's fund, never more than it holds.

    Return the approval instead if a second officer has to confirm it first. Raises
    ProjectNotFound, ValidationFailed, ResourceExists for a reference that is recorded already, and
    FundInsufficient.
    """
    require_not_future("paidOn", paid_on)
    project = Project.get_for_update(project_id)
    require_minor_units({"amount": amount}, project.currency)
    key = reference_key(reference)
    if Disbursement.has_reference(project, key):
        raise ResourceExists
    if amount > project.balance:
        raise FundInsufficient
    request = {"amount": amount, "paid_on": paid_on.isoformat(), "reference": reference, **texts}
    act = Act(
        "disburse",
        "officer",
        "project",
        request=request,
        state=str(project.disbursed),
        subject_id=project.id,
        amount=amount,
    )
    approval = require_approval(officer, act)
    if approval and not approval.is_confirmed:
        return approval
    disbursement = Disbursement(
        project_id=project.id,
        amount=amount,
        currency=project.currency,
        paid_on=paid_on,
        reference=reference,
        reference_key=key,
        recorded_by=officer.id,
        **texts,
    )
    db.session.add(disbursement)
    db.session.flush()
    _post(project, disbursement, "disbursement", amount, paid_on)
    return disbursement


def reverse_disbursement(officer: Any, id: UUID, reason: str) -> Approval | None:
    """Reverse a disbursement, once.

    Return the approval instead if a second officer has to confirm it first. Raises
    NotFound and InvalidTransition.
    """
    disbursement = lock_disbursement(id)
    project = Project.get_for_update(disbursement.project_id)
    if db.session.get(DisbursementReversal, id):
        raise InvalidTransition(Message("The disbursement is reversed already."))
    act = Act(
        "reverse_disbursement",
        "officer",
        "disbursement",
        request={"reason": reason},
        state="",  # it stays the same until it is reversed
        subject_id=id,
        amount=disbursement.amount,
    )
    approval = require_approval(officer, act)
    if approval and not approval.is_confirmed:
        return approval
    db.session.add(DisbursementReversal(disbursement_id=id, reason=reason, reversed_by=officer.id))
    amount, today = -disbursement.amount, clock.today()
    _post(project, disbursement, "disbursement reversed", amount, today)
    return None


def lock_disbursement(id: UUID) -> Disbursement:
    """Return a disbursement and lock its project. Raises NotFound."""
    disbursement = db.session.get(Disbursement, id)
    if disbursement is None:
        raise NotFound
    Project.get_for_update(disbursement.project_id)
    return disbursement


def _post(
    project: Project, disbursement: Disbursement, kind: str, amount: Decimal, value_date: date
) -> None:
    """Add ``amount`` to what a locked project has disbursed, and post it."""
    project.disbursed += amount
    entry = JournalEntry(
        fund=project.fund,
        currency=project.currency,
        kind=kind,
        subject_id=disbursement.id,
        value_date=value_date,
    )
    post(entry, {DISBURSEMENTS: amount, BANK: -amount})
    db.session.flush()
