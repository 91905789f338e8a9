"""Create, update and refund donations; update projects; render receipts."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from .. import clock
from ..approvals.actions import Act, require_approval
from ..approvals.models import Approval
from ..database.base import db
from ..errors import ValidationFailed
from ..integrations import stripe_amounts, stripe_client
from ..integrations.pdf import PdfDocument
from ..ledger.actions import post_adjustments
from ..ledger.models import register_check
from ..money import MAX_DIGITS, format_amount, require_minor_units
from ..payments.actions.intents import PaymentOperation
from ..payments.actions.refunds import (
    RefundOperation,
    checked_refund_amount,
    request_refund,
)
from ..payments.actions.updates import must_exist, on_payment_updated
from ..payments.models import Payment
from ..payments.rules import InvalidTransition
from .models import Donation, Project, ReceiptCounter, currency_of
from .rules import DonationNotFound, GoalMet, ProjectInactive, donation_state, total_limit

PURPOSE = "This donation is used for this purpose only and is not moved to another."
NOTHING_REMAINS = "The whole amount was returned to the payer: nothing of this donation remains."


def create_donation(
    donor: Any,
    *,
    project_id: UUID,
    amount: Decimal,
    is_anonymous: bool,
    message: str | None,
    payment_method_id: str | None,
) -> PaymentOperation:
    """Insert a donation and its payment, and return the payment's operation.

    Raises ProjectNotFound, ProjectInactive, GoalMet, ValidationFailed, PaymentUnavailable and
    TokenRevoked.
    """
    currency = currency_of(project_id)
    require_minor_units({"amount": amount}, currency)
    stripe_amounts.require_chargeable(amount, currency)
    stripe_client.require_stripe()
    limit = total_limit(currency)
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
    }
    payment = Donation.insert_pledge(**values)
    if payment is None:
        donor.load_profile()  # raises TokenRevoked if that is why no row was inserted
        lock_project_and_check(project_id, amount, limit)
        payment = Donation.insert_pledge(**values)  # the project accepts it now, and is locked
    # Still None if the session has been revoked meanwhile: raises TokenRevoked.
    return PaymentOperation(*donor.raise_if_revoked(payment))


def lock_project_and_check(project_id: UUID, amount: Decimal, limit: Decimal) -> None:
    """Lock the project. Raises the reason why it does not accept the donation, if there is one.

    ``limit`` is its currency's ``total_limit``.
    """
    project = Project.get_for_update(project_id)
    total = project.raised + project.pledged
    if not project.active:
        raise ProjectInactive
    if total >= project.funding_goal:
        raise GoalMet
    if total + amount >= limit:
        message = f"The total would need more than {MAX_DIGITS} digits."
        raise ValidationFailed.at(["amount"], message)


@on_payment_updated("donation")
def sync_donation(payment: Payment) -> None:
    """Derive the donation, its project's totals and the ledger from the payment's state."""
    donation = must_exist(db.session.get(Donation, payment.donation_id, populate_existing=True))
    state = donation_state(
        payment.status,
        payment.amount_received,
        payment.amount_refunded,
        payment.amount_disputed,
        payment.amount_charged_back,
    )
    before = (donation.status, donation.refunded_amount, donation.disputed_amount)
    receipt = (payment.amount_received, payment.paid_at)
    if (before, (donation.received_amount, donation.succeeded_at)) == (state, receipt):
        return
    project = Project.get_for_update(donation.project_id)
    was_pending, had_succeeded = donation.status == "pending", donation.status == "succeeded"
    counted_before = donation.countable_amount
    donation.status, donation.refunded_amount, donation.disputed_amount = state
    donation.received_amount, donation.succeeded_at = receipt
    is_pending, has_succeeded = donation.status == "pending", donation.status == "succeeded"
    project.raised += donation.countable_amount - counted_before
    project.pledged += donation.amount * (is_pending - was_pending)
    if has_succeeded != had_succeeded:
        _count_donation(project, donation, 1 if has_succeeded else -1)
    project.update_completion()
    if has_succeeded and donation.receipt_number is None:
        paid_on = clock.local_date(must_exist(payment.paid_at))
        donation.receipt_number = ReceiptCounter.next_number(paid_on.year)
    post_adjustments(
        project.fund,
        project.currency,
        donation.id,
        payment.id,
        {  # target balances; credits are negative
            "donations": ("donation received", -payment.amount_received),
            "refunds": ("donation refunded", payment.amount_refunded),
            "disputes": ("donation disputed", payment.amount_disputed),
        },
    )


def _count_donation(project: Project, donation: Donation, change: int) -> None:
    """Add ``change`` (1 or -1) for a donation to the counts of its locked project.

    An anonymous donation is a donor of its own: a count that stayed the same would show that the
    donor is one who gave in their name.
    """
    project.donation_count += change
    if donation.is_anonymous or not Donation.has_other_from_donor(donation):
        project.donor_count += change


def recount_donations(project_id: UUID) -> bool:
    """Recompute a project's counts from its donations; return whether they have changed."""
    project = Project.get_for_update(project_id)
    counts = Donation.count_for_project(project_id)
    have_changed = counts != (project.donor_count, project.donation_count)
    project.donor_count, project.donation_count = counts
    return have_changed


def lock_donation_payment(donation_id: UUID) -> Payment:
    """Lock a donation's payment, from which all of its state derives. Raises DonationNotFound."""
    payment = Payment.get_for_update(Payment.donation_id == donation_id)
    if payment is None:
        raise DonationNotFound
    return payment


def request_donation_refund(
    admin: Any, donation_id: UUID, amount: Decimal | None
) -> RefundOperation | Approval:
    """Insert a refund of a donation, of ``amount`` or of all that is refundable.

    Return the approval instead if a second admin has to confirm it first. Raises DonationNotFound,
    InvalidTransition, ValidationFailed and Forbidden.
    """
    payment = lock_donation_payment(donation_id)
    require_minor_units({"amount": amount}, payment.currency)
    amount = checked_refund_amount(payment, amount)
    approval = require_approval(admin, _act_of_refund(payment, donation_id, amount))
    if approval and not approval.is_confirmed:
        return approval
    return RefundOperation(request_refund(payment, amount).id)


def _act_of_refund(payment: Payment, donation_id: UUID, amount: Decimal) -> Act:
    """Return the act that a second admin confirms.

    Its amount includes earlier refunds of the donation: parts do not evade the limit.
    """
    donation = must_exist(db.session.get(Donation, donation_id))
    reversals = [f"{reversal.id} {reversal.status}" for reversal in payment.reversals]
    left = payment.refundable_amount - amount
    return Act(
        "refund_donation",
        "admin",
        request={"amount": amount},
        state=" ".join([payment.status, *sorted(reversals)]),
        subject_id=donation_id,
        owner_id=donation.user_id,
        amount=payment.amount_received - payment.amount_disputed - left,
    )


def update_project(project_id: UUID, changes: dict[str, Any]) -> None:
    """Update a project. Raises ProjectNotFound and ValidationFailed."""
    project = Project.get_for_update(project_id)
    require_minor_units({"fundingGoal": changes.get("funding_goal")}, project.currency)
    project.set_attributes(changes)
    project.update_completion()
    db.session.flush()


def render_receipt(donation: Donation) -> bytes:
    """Render the receipt as a PDF. Raises InvalidTransition before the donation has succeeded."""
    number, received_at = donation.receipt_number, donation.succeeded_at
    if number is None or received_at is None:
        message = "A receipt is available once the donation has succeeded."
        raise InvalidTransition(f"The donation is {donation.status}. {message}")

    def money(amount: Decimal) -> str:
        return f"{donation.currency} {format_amount(amount, donation.currency)}"

    document = PdfDocument("Receipt", footer=f"Receipt {number}", created_at=received_at)
    rows = [
        ("Receipt", number),
        ("Received", f"{clock.local_date(received_at)}"),
        ("From", "Anonymous" if donation.is_anonymous else donation.user.name),
        ("For", donation.project.name),
        ("Amount", money(donation.received_amount)),
    ]
    charged_back = donation.charged_back_amount
    deductions = {
        "Refunded": donation.refunded_amount,
        "Taken back by a chargeback": charged_back,
        "Withheld by an open dispute": donation.disputed_amount - charged_back,
    }
    rows += [(label, money(amount)) for label, amount in deductions.items() if amount]
    if any(deductions.values()):
        rows.append(("Remaining", money(donation.countable_amount)))
    document.key_values(rows)
    document.paragraph(NOTHING_REMAINS if donation.status == "refunded" else PURPOSE)
    return document.bytes()


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


@register_check
def donation_amounts_check() -> str:
    return """
        SELECT a.account || ' of donation ' || d.id,
               CASE WHEN d.status IN ('succeeded', 'refunded') THEN a.stored ELSE 0 END,
               coalesce(sum(l.amount), 0)
        FROM waqf_donations d
        CROSS JOIN LATERAL (VALUES ('donations', -d.received_amount),
                                   ('refunds', d.refunded_amount),
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
