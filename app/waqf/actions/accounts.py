"""What becomes of donations with the accounts of their donors."""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import literal

from ...database.base import db
from ...documents.models import Document
from ...messages import Message
from ...payments.actions.gifts import Gift, register_gifts
from ...payments.models import Payment
from ...users.models import User, on_email_confirmed, on_user_erased, register_erasure_check
from ..models import Donation, Project
from .changes import set_donor
from .receipts import get_receipt


@on_email_confirmed
def adopt_gifts(user: User) -> None:
    """Give the user the donations that were made without an account under their address.

    Their receipts stay as they were issued.
    """
    unowned = db.select(Donation.id).where(
        Donation.user_id.is_(None), Donation.payer_email_key == user.email_key
    )
    # In one order, because each locks its project.
    for id in db.session.scalars(unowned.order_by(Donation.project_id, Donation.id)).all():
        donation = Donation.get_for_update(Donation.id == id)
        if donation.user_id is None:
            set_donor(donation, user_id=user.id)


@register_gifts
def find_gift(user_id: UUID, id: UUID) -> Gift | None:
    """Return the user's donation with ``id``, locked against changes; None if there is none."""
    own = db.select(Donation).where(Donation.user_id == user_id, Donation.id == id)
    donation = db.session.scalar(own.with_for_update(read=True))
    if donation is None:
        return None
    return Gift(donation.status, donation.countable_amount, donation.currency)


@register_erasure_check
def find_unfinished_payments(user_id: UUID) -> Iterator[Message]:
    """Yield whether money is on its way from the donor, or back to them.

    A payment's update locks the project before it changes the donation and mails its donor: were
    the donations changed without that lock, the two would deadlock.
    """
    projects = db.select(Donation.project_id).where(Donation.user_id == user_id)
    Project.lock_all(projects)
    payments = db.select(Payment.id).join(Donation, Payment.donation_id == Donation.id)
    own = payments.where(Donation.user_id == user_id).limit(1)
    if db.session.scalar(own.where(Payment.is_begun())):
        yield Message("A payment for a donation is not complete.")
    if db.session.scalar(own.where(Payment.has_open_refund())):
        yield Message("A refund of a donation is not complete.")


@on_user_erased
def leave_the_books(user_id: UUID) -> None:
    """Delete what the user wrote in donations, which stay in the books with their receipts.

    A donation that can still be paid keeps the name for its receipt (``forget_erased_donor``).
    """
    own = Donation.user_id == user_id
    has_receipt = db.exists().where(Document.kind == "receipt", Document.subject_id == Donation.id)
    # Of a release that did not store receipts: issued while the name is known.
    missing = db.select(Donation).where(own, Donation.receipt_number.is_not(None), ~has_receipt)
    for donation in db.session.scalars(missing).all():
        get_receipt(donation)
    name = db.select(User.name).where(User.id == user_id).scalar_subquery()
    is_payable = db.exists().where(Payment.donation_id == Donation.id, Payment.is_payable())
    texts = ("message", "dedication_kind", "dedication_name", "payer_email", "payer_email_key")
    payer_name = db.case((is_payable, db.func.coalesce(Donation.payer_name, name)))
    values = {**dict.fromkeys(texts, literal(None)), "payer_name": payer_name}
    db.session.execute(db.update(Donation.__table__).where(own).values(values))
