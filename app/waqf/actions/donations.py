"""Create donations, derive their state from their payments, and issue their receipts."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import current_app

from ... import clock
from ...database.base import db
from ...errors import ValidationFailed
from ...integrations import stripe_amounts, stripe_client
from ...ledger.actions import Target, post_adjustments
from ...ledger.models import register_check
from ...messages import Fault, Rule
from ...money import TOTAL_TOO_LARGE, require_minor_units
from ...payments.actions.intents import PaymentOperation
from ...payments.actions.updates import must_exist, on_payment_updated
from ...payments.models import Payment
from ...payments.rules import PAYABLE
from ...users.rules import normalize_email
from ..models import Donation, Project, ReceiptCounter, currency_of
from ..models.counts import goal_met_at, has_other_from_donor
from ..rules import GoalMet, ProjectInactive, donation_state, total_limit
from .receipts import issue_receipt


def create_donation(
    donor: Any,
    *,
    project_id: UUID,
    amount: Decimal,
    is_anonymous: bool,
    message: str | None,
    dedication: dict[str, str] | None,
    payment_method_id: str | None,
    guest: dict[str, str] | None = None,
) -> PaymentOperation:
    """Insert a donation and its payment, and return the payment's operation.

    ``donor`` is a user or, with the name and address in ``guest``, a Guest.

    Raises ProjectNotFound, ProjectInactive, GoalMet, ValidationFailed, PaymentUnavailable and
    TokenRevoked.
    """
    currency = currency_of(project_id)
    require_minor_units({"amount": amount}, currency)
    stripe_amounts.require_chargeable(amount, currency)
    stripe_client.require_stripe()
    limit = total_limit(currency)
    if guest and donor.id:
        raise ValidationFailed.at(
            ["donor"],
            Fault(
                "Only a donation without an account names its donor: leave this out.",
                Rule.NOT_ALLOWED,
            ),
        )
    values = {
        "session_query": donor.session_query,
        "total_limit": limit,
        "payment_method_id": payment_method_id,
        "project_id": project_id,
        "user_id": donor.id,
        "amount": amount,
        "currency": currency,
        "is_anonymous": is_anonymous,
        "message": message,
        **{f"dedication_{name}": value for name, value in (dedication or {}).items()},
        **(payer_values(guest) if guest else {}),
    }
    payment = Donation.insert_pledge(held_amount=amount, **values)
    if payment is None:
        donor.load_profile()  # raises TokenRevoked if that is why no row was inserted
        left = lock_project_and_check(project_id, amount, limit)
        # The project accepts it now, and is locked.
        payment = Donation.insert_pledge(held_amount=min(amount, left), **values)
    # Still None if the session has been revoked meanwhile: raises TokenRevoked.
    return PaymentOperation(*donor.raise_if_revoked(payment))


def payer_values(guest: dict[str, str]) -> dict[str, str]:
    """Return the columns that say who a donor without an account is."""
    email = guest["email"]
    return {
        "payer_name": guest["name"],
        "payer_email": email,
        "payer_email_key": normalize_email(email),
    }


def lock_project_and_check(project_id: UUID, amount: Decimal, limit: Decimal) -> Decimal:
    """Lock the project, release the pledges that have lapsed, and return what is left of its goal.

    Raises the reason why it does not accept the donation, if there is one. ``limit`` is its
    currency's ``total_limit``.
    """
    project = Project.get_for_update(project_id)
    if not project.active:
        raise ProjectInactive
    if project.raised >= project.funding_goal:
        raise GoalMet
    hold = timedelta(minutes=current_app.config["PLEDGE_HOLD_MINUTES"])
    project.pledged -= Donation.release_lapsed(project_id, clock.now() - hold)
    total = project.raised + project.pledged
    if total >= project.funding_goal:
        raise GoalMet
    if total + amount >= limit:
        raise ValidationFailed.at(["amount"], TOTAL_TOO_LARGE)
    return project.funding_goal - total


@on_payment_updated("donation")
def sync_donation(payment: Payment, changed_at: datetime) -> None:
    """Derive the donation, its project's totals and the ledger from the payment's state.

    ``changed_at`` is when the last change of its money happened.
    """
    donation = must_exist(db.session.get(Donation, payment.donation_id, populate_existing=True))
    state = donation_state(
        payment.status,
        payment.amount_received,
        payment.amount_refunded,
        payment.amount_disputed,
        payment.amount_charged_back,
    )
    is_processing = payment.status == "processing"
    before = (donation.status, donation.refunded_amount, donation.disputed_amount)
    receipt = (payment.amount_received, payment.paid_at)
    unchanged = (before, (donation.received_amount, donation.succeeded_at)) == (state, receipt)
    if unchanged and not is_processing:
        return
    project = Project.get_for_update(donation.project_id)
    db.session.refresh(donation)  # a request that had the lock may have changed it
    had_succeeded, is_new = donation.status == "succeeded", donation.succeeded_at is None
    counted_before, held_before = donation.countable_amount, donation.current_hold
    donation.status, donation.refunded_amount, donation.disputed_amount = state
    donation.received_amount, donation.succeeded_at = receipt
    has_succeeded = donation.status == "succeeded"
    if is_processing:  # no longer only a promise: it counts in full
        donation.held_amount = donation.amount
    donation.held_amount = donation.current_hold
    project.raised += donation.countable_amount - counted_before
    project.pledged += donation.held_amount - held_before
    if has_succeeded != had_succeeded:
        count_donation(project, donation, 1 if has_succeeded else -1)
    paid_at = payment.paid_at if is_new else None
    update_completion(project, donation, paid_at or changed_at)
    if has_succeeded and donation.receipt_number is None:
        paid_on = clock.local_date(must_exist(payment.paid_at))
        donation.receipt_number = ReceiptCounter.next_number(paid_on.year)
        issue_receipt(donation, project)
    # What was reported before the payment itself has times of its own.
    refunded_at, disputed_at = (
        payment.last_change(kind) if is_new else None for kind in ("refund", "dispute")
    )
    received, refunded, disputed = (
        clock.local_date(at or changed_at) for at in (paid_at, refunded_at, disputed_at)
    )
    if donation.status not in PAYABLE:
        donation.forget_erased_donor()
    post_adjustments(
        project.fund,
        project.currency,
        donation.id,
        payment.id,
        {  # credits are negative
            "donations": Target("donation received", -payment.amount_received, received),
            "refunds": Target("donation refunded", payment.amount_refunded, refunded),
            "disputes": Target("donation disputed", payment.amount_disputed, disputed),
        },
    )


def update_completion(project: Project, donation: Donation, at: datetime) -> None:
    """Update whether the locked project has met its goal, after money of ``donation`` moved."""
    if project.has_met_goal and project.completed_at is None:
        at = goal_met_at(project, donation, at)
    project.update_completion(at)


def count_donation(project: Project, donation: Donation, change: int) -> None:
    """Add ``change`` (1 or -1) for a donation to the counts of its locked project."""
    project.donation_count += change
    count_donor(project, donation, change)


def count_donor(project: Project, donation: Donation, change: int) -> None:
    """Add ``change`` (1 or -1) to the number of donors if no other donation counts for the donor.

    An anonymous donation is a donor of its own: a count that stayed the same would show that the
    donor is one who gave in their name. So is one of a donor without an account.
    """
    is_own_donor = donation.is_anonymous or donation.user_id is None
    if is_own_donor or not has_other_from_donor(donation):
        project.donor_count += change


# Consistency checks: each selects subject, stored and recomputed value


@register_check
def donation_amounts_check() -> str:
    return """
        SELECT a.account || ' of donation ' || d.id,
               CASE WHEN d.status IN ('succeeded', 'refunded') THEN a.stored ELSE 0 END,
               coalesce(sum(l.amount), 0)
        FROM waqf_donations d
        CROSS JOIN LATERAL (VALUES
            ('donations', CASE WHEN d.reversed_at IS NULL THEN -d.received_amount ELSE 0 END),
            ('refunds', CASE WHEN d.reversed_at IS NULL THEN d.refunded_amount ELSE 0 END),
            ('disputes', d.disputed_amount)) AS a(account, stored)
        LEFT JOIN ledger_entries e ON e.subject_id = d.id
        LEFT JOIN ledger_postings l ON l.entry_id = e.id AND l.account = a.account
        GROUP BY d.id, a.account, a.stored
    """


@register_check
def receipt_numbers_check() -> str:
    return """
        SELECT 'receipts of ' || y.year, y.last, count(d.id)
        FROM waqf_receipt_years y
        LEFT JOIN waqf_donations d ON d.receipt_number LIKE 'R-' || y.year || '-%' GROUP BY y.year
    """
