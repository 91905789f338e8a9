"""Giving, and what follows from how its payment goes; receipts."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from .. import clock
from ..database.base import db
from ..errors import ValidationFailed
from ..http.authentication import current_user
from ..integrations import stripe_client
from ..integrations.pdf import Document
from ..ledger.actions import bring
from ..money import MAX_DIGITS, require_minor_units, written
from ..payments.actions.intents import Collection
from ..payments.actions.refunds import Refund, ask_back
from ..payments.actions.updates import require, settles
from ..payments.models import Payment
from ..payments.rules import InvalidTransition
from .models import Donation, Project, ReceiptYear, currency_of
from .rules import DonationNotFound, GoalMet, ProjectInactive, most_raised, standing


def donate(
    project_id: UUID,
    amount: Decimal,
    is_anonymous: bool,
    message: str | None,
    payment_method_id: str | None,
) -> Collection:
    """A donation, and the payment that is to be collected for it."""
    currency = currency_of(project_id)
    require_minor_units({"amount": amount}, currency)
    stripe_client.units(amount, currency)
    stripe_client.require_provider()
    most = most_raised(currency)
    given = {
        "sign_in": current_user.sign_in,
        "most": most,
        "method": payment_method_id,
        "project_id": project_id,
        "user_id": current_user.id,
        "amount": amount,
        "currency": currency,
        "is_anonymous": is_anonymous,
        "message": message,
    }
    pledged = Donation.pledge(**given)
    if pledged is None:
        current_user.look_up()
        require_place(project_id, amount, most)
        pledged = Donation.pledge(**given)  # it became free, and is kept by the lock
    return Collection(*current_user.require(pledged))


def require_place(project_id: UUID, amount: Decimal, most: Decimal) -> None:
    """Lock a project that was seen to take no donation; refuse where it still takes none."""
    project = Project.locked(project_id)
    whole = project.raised + project.pledged
    if not project.active:
        raise ProjectInactive
    if whole >= project.funding_goal:
        raise GoalMet
    if whole + amount >= most:
        message = f"The total would need more than {MAX_DIGITS} digits."
        raise ValidationFailed.at(["amount"], message)


@settles("donation")
def settle_donation(payment: Payment) -> None:
    """Make the donation, its project's figures and the books what the payment says by now."""
    donation = require(db.session.get(Donation, payment.donation_id, populate_existing=True))
    now = standing(payment.status, payment.amount, payment.refunded, payment.disputed)
    if now == (donation.status, donation.refunded_amount, donation.held):
        return
    project = Project.locked(donation.project_id)
    before, gave, counted = donation.status, donation.status == "succeeded", donation.counted
    donation.status, donation.refunded_amount, donation.held = now
    gives = donation.status == "succeeded"
    project.raised += donation.counted - counted
    project.pledged += donation.amount * ((donation.status == "pending") - (before == "pending"))
    if gives != gave:
        step = 1 if gives else -1
        project.donation_count += step
        project.donor_count += 0 if Donation.others_of(donation) else step
    project.reckon()
    if gives and donation.receipt_number is None:
        donation.succeeded_at = clock.now()
        donation.receipt_number = ReceiptYear.next_number(donation.succeeded_at.year)
    bring(
        project.fund,
        project.currency,
        donation.id,
        payment.id,
        {
            "donations": ("donation received", -payment.received),
            "refunds": ("donation refunded", payment.refunded),
            "disputes": ("donation disputed", payment.disputed),
        },
    )


def refund(donation_id: UUID, amount: Decimal | None) -> Refund:
    """Mean to give a donation back, whole or in part."""
    payment = Payment.locked(Payment.donation_id == donation_id)
    if payment is None:
        raise DonationNotFound
    require_minor_units({"amount": amount}, payment.currency)
    return Refund(ask_back(payment, amount).id)


def change(project_id: UUID, changes: dict[str, Any]) -> None:
    """Change a project; its currency and what was given to it stay."""
    project = Project.locked(project_id)
    require_minor_units({"fundingGoal": changes.get("funding_goal")}, project.currency)
    for name, value in changes.items():
        setattr(project, name, value)
    project.reckon()
    db.session.flush()


def receipt(donation: Donation) -> bytes:
    """The receipt for ``donation`` as a PDF. Raises InvalidTransition while there is none."""
    if donation.receipt_number is None or donation.succeeded_at is None:
        more = ", and can become succeeded" if donation.status in ("pending", "failed") else ""
        raise InvalidTransition(f"The donation is {donation.status}{more}: only then is a receipt")
    number, currency = donation.receipt_number, donation.currency
    pages = Document("Receipt", line=f"Receipt {number}", made=donation.succeeded_at)
    donor = "Anonymous" if donation.is_anonymous else donation.user.name
    facts = [
        ("Receipt", number),
        ("Received", f"{donation.succeeded_at:%Y-%m-%d}"),
        ("From", donor),
        ("For", donation.project.name),
        ("Amount", f"{currency} {written(donation.amount, currency)}"),
    ]
    if donation.refunded_amount:
        facts.append(("Refunded", f"{currency} {written(donation.refunded_amount, currency)}"))
    if donation.held:
        facts.append(("Held by a dispute", f"{currency} {written(donation.held, currency)}"))
    pages.facts(facts)
    pages.paragraph("Given for this purpose alone; it is not moved to another.")
    return pages.bytes()
