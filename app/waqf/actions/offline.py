"""Record donations that were received outside Stripe, and reverse them."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...approvals.actions import Act, require_approval
from ...approvals.models import Approval
from ...database.base import db
from ...errors import Forbidden, ResourceExists, ValidationFailed
from ...ledger.actions import post
from ...ledger.models import RECEIVED_OFFLINE, JournalEntry
from ...messages import IN_FUTURE, Message
from ...money import TOTAL_TOO_LARGE, require_minor_units
from ...payments.actions.updates import must_exist
from ...payments.rules import InvalidTransition, reference_key
from ...users.models import User
from ...users.rules import UserNotFound, normalize_email
from ..models import Dedication, Donation, Project, ReceiptCounter
from ..models.fund_entries import DONATIONS
from ..rules import total_limit
from .donations import count_donation, update_completion
from .receipts import issue_receipt


def record_donation(
    officer: Any,
    project_id: UUID,
    *,
    amount: Decimal,
    received_on: date,
    user_id: UUID | None,
    donor_name: str | None,
    donor_email: str | None,
    dedication: dict[str, str] | None,
    **values: Any,
) -> Donation:
    """Record a donation that was received outside Stripe.

    Money that has arrived is recorded also if the goal is met or the project is inactive. Raises
    ProjectNotFound, UserNotFound, ValidationFailed, ResourceExists if the method and reference are
    recorded already, and Forbidden for a donation of the officer.
    """
    _require_other_donor(officer, user_id, donor_email)
    require_not_future("receivedOn", received_on)
    project = Project.get_for_update(project_id)
    key = reference_key(values["method"], values["reference"])
    _require_recordable(project, amount, key)
    donation = Donation(
        project_id=project.id,
        user_id=user_id,
        channel="offline",
        currency=project.currency,
        amount=amount,
        received_amount=amount,
        status="succeeded",
        received_on=received_on,
        succeeded_at=min(clock.start_of_day(received_on), clock.now()),
        receipt_number=ReceiptCounter.next_number(received_on.year),
        payer_name=donor_name,
        payer_email=donor_email,
        payer_email_key=donor_email and normalize_email(donor_email),
        dedication=Dedication(**dedication) if dedication else None,
        reference_key=key,
        recorded_by=officer.id,
        **values,
    )
    db.session.add(donation)
    db.session.flush()
    project.raised += amount
    count_donation(project, donation, 1)
    update_completion(project, donation, must_exist(donation.succeeded_at))
    _post(project, donation, "donation received", amount, received_on)
    issue_receipt(donation, project)
    return donation


def _require_other_donor(officer: Any, user_id: UUID | None, email: str | None) -> None:
    """Raise UserNotFound for an unknown donor, and Forbidden if it is the officer."""
    if email and normalize_email(email) == normalize_email(officer.email):
        raise Forbidden
    if user_id is None:
        return
    if user_id == officer.id:
        raise Forbidden
    user = db.session.get(User, user_id)
    if user is None or user.email_key is None:
        raise UserNotFound


def require_not_future(name: str, day: date) -> None:
    """Raise ValidationFailed if ``day``, in the body's field ``name``, has begun nowhere yet."""
    if day > clock.latest_today():
        raise ValidationFailed.at([name], IN_FUTURE)


def _require_recordable(project: Project, amount: Decimal, reference_key: str) -> None:
    require_minor_units({"amount": amount}, project.currency)
    if project.raised + project.pledged + amount >= total_limit(project.currency):
        raise ValidationFailed.at(["amount"], TOTAL_TOO_LARGE)
    if Donation.has_reference(project.id, reference_key):
        raise ResourceExists


def reverse_donation(officer: Any, donation_id: UUID, reason: str) -> Approval | None:
    """Reverse a donation that was received outside Stripe, such as a cheque that bounced.

    Return the approval instead if a second officer has to confirm it first. Raises
    DonationNotFound, InvalidTransition and Forbidden.
    """
    donation = Donation.get_for_update(Donation.id == donation_id)
    if donation.channel != "offline":
        raise InvalidTransition(Message("The donation was paid through Stripe: refund it instead."))
    if donation.status != "succeeded":
        raise InvalidTransition(
            Message(
                "The donation is {status}: only a succeeded one can be reversed.",
                status=donation.status,
            )
        )
    act = Act(
        "reverse_donation",
        "officer",
        "donation",
        request={"reason": reason},
        state=donation.status,
        subject_id=donation.id,
        owner_id=donation.user_id,
        amount=donation.amount,
    )
    approval = require_approval(officer, act)
    if approval and not approval.is_confirmed:
        return approval
    _reverse(officer, donation, reason)
    return None


def _reverse(officer: Any, donation: Donation, reason: str) -> None:
    project = Project.get_for_update(donation.project_id)
    donation.status, donation.refunded_amount = "refunded", donation.amount
    donation.reversed_at, donation.reversed_by = clock.now(), officer.id
    donation.reversal_reason = reason
    project.raised -= donation.amount
    count_donation(project, donation, -1)
    update_completion(project, donation, clock.now())
    _post(project, donation, "donation reversed", -donation.amount, clock.today())
    db.session.flush()


def _post(
    project: Project, donation: Donation, kind: str, amount: Decimal, value_date: date
) -> None:
    entry = JournalEntry(
        fund=project.fund,
        currency=project.currency,
        kind=kind,
        subject_id=donation.id,
        value_date=value_date,
    )
    post(entry, {RECEIVED_OFFLINE: amount, DONATIONS: -amount})
    db.session.flush()
