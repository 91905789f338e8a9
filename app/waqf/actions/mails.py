"""The mails to donors: their receipts and refunds."""

from typing import Any
from uuid import UUID

from ...database.base import db
from ...documents.actions.receipts import find_receipt, render_receipt
from ...notifications.actions import mail_attachments, notify
from ...notifications.models import Mail
from ...payments.actions.updates import must_exist, on_refunded
from ...payments.models import Payment, Reversal
from ..models import Donation


def mail_receipt(donation: Donation, project_name: str) -> None:
    """Mail the receipt of a donation to its donor, if there is an address; once."""
    facts = {
        "donation_id": str(donation.id),
        "number": donation.receipt_number,
        "amount": donation.received_amount,
        "currency": donation.currency,
        "project_name": project_name,
        "received_at": must_exist(donation.succeeded_at).isoformat(),
    }
    _notify_donor(donation, "receipt", str(donation.id), facts)


@mail_attachments("receipt")
def attach_receipt(mail: Mail) -> list[tuple[str, bytes, str]]:
    """Return the receipt as it was issued, with what has happened since as its addendum."""
    donation = must_exist(db.session.get(Donation, UUID(mail.facts["donation_id"])))
    content = render_receipt(must_exist(find_receipt(donation)), donation)
    return [(f"receipt-{donation.receipt_number}.pdf", content, "application/pdf")]


@on_refunded("donation")
def mail_refund(payment: Payment, refund: Reversal) -> None:
    """Mail that money of a donation was returned; once for the refund."""
    donation = must_exist(db.session.get(Donation, payment.donation_id))
    facts = {
        "amount": refund.amount,
        "currency": payment.currency,
        "purpose": donation.project.name,
    }
    _notify_donor(donation, "refund", must_exist(refund.provider_id), facts)


def _notify_donor(donation: Donation, kind: str, key: str, facts: dict[str, Any]) -> None:
    """Notify the user who gave, or the address that a donor without an account has left."""
    if donation.user_id:
        notify(kind, key, user_id=donation.user_id, facts=facts)
    elif donation.payer_email:
        name = donation.payer_name
        notify(kind, key, address=donation.payer_email, name=name, facts=facts)
