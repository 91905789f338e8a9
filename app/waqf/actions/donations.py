"""Create donations, derive their state from their payments, and render receipts."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from ... import clock
from ...database.base import db
from ...errors import ValidationFailed
from ...integrations import stripe_amounts, stripe_client
from ...integrations.pdf import PdfDocument
from ...ledger.actions import post_adjustments
from ...ledger.models import register_check
from ...money import MAX_DIGITS, format_amount, require_minor_units
from ...payments.actions.intents import PaymentOperation
from ...payments.actions.updates import must_exist, on_payment_updated
from ...payments.models import Payment
from ...payments.rules import InvalidTransition
from ..models import Donation, Project, ReceiptCounter, currency_of
from ..rules import GoalMet, ProjectInactive, donation_state, total_limit

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
        payment.amount,
        payment.amount_refunded,
        payment.amount_disputed,
        payment.amount_charged_back,
    )
    if state == (donation.status, donation.refunded_amount, donation.disputed_amount):
        return
    project = Project.get_for_update(donation.project_id)
    was_pending, had_succeeded = donation.status == "pending", donation.status == "succeeded"
    counted_before = donation.countable_amount
    donation.status, donation.refunded_amount, donation.disputed_amount = state
    is_pending, has_succeeded = donation.status == "pending", donation.status == "succeeded"
    project.raised += donation.countable_amount - counted_before
    project.pledged += donation.amount * (is_pending - was_pending)
    if has_succeeded != had_succeeded:
        _count_donation(project, donation, 1 if has_succeeded else -1)
    project.update_completion()
    if has_succeeded and donation.receipt_number is None:
        donation.succeeded_at = clock.now()
        donation.receipt_number = ReceiptCounter.next_number(donation.succeeded_at.year)
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
        ("Received", f"{received_at:%Y-%m-%d}"),
        ("From", "Anonymous" if donation.is_anonymous else donation.user.name),
        ("For", donation.project.name),
        ("Amount", money(donation.amount)),
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
def donation_amounts_check() -> str:
    return """
        SELECT a.account || ' of donation ' || d.id,
               CASE WHEN d.status IN ('succeeded', 'refunded') THEN a.stored ELSE 0 END,
               coalesce(sum(l.amount), 0)
        FROM waqf_donations d
        CROSS JOIN LATERAL (VALUES ('donations', -d.amount), ('refunds', d.refunded_amount),
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
