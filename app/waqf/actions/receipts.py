"""Receipts of donations: issued when the money is received, mailed, and found by a signed link."""

from typing import Any, cast
from uuid import UUID

from ...database.base import db
from ...documents.actions import receipts
from ...documents.models import Document
from ...http.signed_links import public_address, read_signed, sign
from ...messages import Message
from ...notifications.actions import mail_attachments, mail_secrets, notify
from ...notifications.models import Mail
from ...payments.actions.updates import must_exist
from ...payments.rules import InvalidTransition
from ..models import Donation, Project
from ..rules import ReceiptNotFound

LINK = "receipt"  # the purpose of its signature


def issue_receipt(donation: Donation, project: Project) -> None:
    """Issue the receipt of a donation that has a receipt number, and mail it to the donor."""
    receipts.issue_receipt(donation, project.name, donation.receipt_name)
    facts = {
        "donation_id": str(donation.id),
        "number": donation.receipt_number,
        "received_at": must_exist(donation.succeeded_at).isoformat(),
        "project_name": project.name,
        "amount": donation.received_amount,
        "currency": donation.currency,
    }
    notify_donor(donation, "receipt", str(donation.id), facts)


def notify_donor(donation: Donation, kind: str, key: str, facts: dict[str, Any]) -> None:
    """Notify the user who gave, or the address that a donor without an account has left."""
    if donation.user and donation.user.email_key:
        notify(kind, key, user_id=donation.user_id, facts=facts)
    elif donation.payer_email:
        address, name = donation.payer_email, donation.payer_name
        notify(kind, key, address=address, name=name, facts=facts)


def get_receipt(donation: Donation) -> Document:
    """Return the donation's receipt. Raises InvalidTransition before the donation has succeeded.

    A donation that succeeded before receipts were stored gets its receipt here, at the first call.
    """
    if donation.receipt_number is None:
        raise InvalidTransition(
            Message(
                "The donation is {status}. A receipt is available once it has succeeded.",
                status=donation.status,
            )
        )
    receipt = receipts.find_receipt(donation)
    if receipt is None:
        receipts.issue_receipt(donation, donation.project.name, donation.receipt_name)
        receipt = receipts.find_receipt(donation)
    return cast("Document", receipt)


def receipt_address(donation_id: UUID) -> str:
    """Return the address at which a donation's receipt is found without an account.

    It is valid as long as the key that signed it: a donor may need it at the end of the year.
    """
    return public_address(receipt_path(donation_id))


def receipt_path(donation_id: UUID) -> str:
    """Return the path of ``receipt_address``."""
    return f"/api/waqf/receipts/{sign(LINK, str(donation_id))}"


def find_by_token(token: str) -> Donation:
    """Return the donation of a receipt's address. Raises ReceiptNotFound, also before a receipt."""
    donation_id = read_signed(LINK, token)
    donation = db.session.get(Donation, UUID(donation_id)) if donation_id else None
    if donation is None or donation.receipt_number is None:
        raise ReceiptNotFound
    return donation


@mail_secrets("receipt")
def make_link(mail: Mail) -> dict[str, str]:
    """Return the link in the mail of a receipt."""
    return {"link": receipt_address(UUID(mail.facts["donation_id"]))}


@mail_attachments("receipt")
def render_attachment(mail: Mail) -> list[tuple[str, bytes, str]]:
    """Return the PDF in the mail of a receipt: as it was issued, with its addendum."""
    donation = db.session.get_one(Donation, UUID(mail.facts["donation_id"]))
    receipt = get_receipt(donation)
    locale = mail.locale or (donation.user.locale if donation.user else "en")
    pdf = receipts.render_receipt(receipt, donation, locale)
    return [(f"{receipt.number}.pdf", pdf, "application/pdf")]
