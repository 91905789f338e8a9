"""Refund donations through Stripe, and tell their donors."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from ...approvals.actions import Act, require_approval
from ...approvals.models import Approval
from ...audit.actions import record
from ...database.base import db
from ...messages import Message
from ...money import require_minor_units
from ...payments.actions.refunds import (
    RefundOperation,
    checked_refund_amount,
    request_refund,
)
from ...payments.actions.updates import must_exist, on_refunded
from ...payments.models import Payment, Reversal
from ...payments.rules import DonationNotFound, InvalidTransition
from ..models import Donation
from .receipts import notify_donor


def lock_donation_payment(donation_id: UUID) -> Payment:
    """Lock a donation's payment, from which all of its state derives.

    Raises DonationNotFound, and InvalidTransition for a donation without a payment at Stripe.
    """
    payment = Payment.get_for_update(Payment.donation_id == donation_id)
    if payment is None:
        if db.session.get(Donation, donation_id):
            raise InvalidTransition(
                Message("The donation was not paid through Stripe: reverse it instead.")
            )
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
    refund = request_refund(payment, amount)
    after = {"refund": {"id": str(refund.id), "amount": amount, "currency": payment.currency}}
    record("refund_donation", "donation", donation_id, after=after)
    return RefundOperation(refund.id)


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
        "donation",
        request={"amount": amount},
        state=" ".join([payment.status, *sorted(reversals)]),
        subject_id=donation_id,
        owner_id=donation.user_id,
        amount=payment.amount_received - payment.amount_disputed - left,
    )


@on_refunded("donation")
def mail_refund(payment: Payment, refund: Reversal) -> None:
    """Mail that money of a donation was returned; once for the refund."""
    donation = must_exist(db.session.get(Donation, payment.donation_id))
    facts = {
        "amount": refund.amount,
        "currency": payment.currency,
        "purpose": donation.project.name,
    }
    notify_donor(donation, "refund", must_exist(refund.provider_id), facts)
