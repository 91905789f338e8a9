"""Change what a donation says about its donor, and whose it is."""

from typing import Any
from uuid import UUID

from ... import clock
from ...database.base import db
from ...users.models import User, on_email_confirmed
from ..models import Dedication, Donation, Project
from .donations import count_donor


def update_donation(donor: Any, donation_id: UUID, changes: dict[str, Any]) -> None:
    """Update one of the donor's donations; its receipt stays. Raises DonationNotFound."""
    donation = Donation.get_for_update(Donation.id == donation_id, Donation.user_id == donor.id)
    if "dedication" in changes:
        dedication = changes["dedication"]
        donation.dedication = Dedication(**dedication) if dedication else None
    if "message" in changes:
        donation.message = changes["message"]
    if "is_anonymous" in changes:
        _set_donor(donation, is_anonymous=changes["is_anonymous"])
    db.session.flush()


def _set_donor(donation: Donation, **values: Any) -> None:
    """Set whose the donation is or how it names its donor; count the locked project's donors."""
    project = Project.get_for_update(donation.project_id)
    counts = donation.status == "succeeded"
    if counts:
        count_donor(project, donation, -1)
    donation.set_attributes(values)
    db.session.flush()
    if counts:
        count_donor(project, donation, 1)


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
            _set_donor(donation, user_id=user.id)


def hide_message(donation_id: UUID) -> None:
    """Hide a donation's message from the public. Raises DonationNotFound."""
    donation = Donation.get_for_update(Donation.id == donation_id)
    donation.message_hidden_at = donation.message_hidden_at or clock.now()
    db.session.flush()


def lock_donation(donation_id: UUID) -> Donation:
    """Lock a donation. Raises DonationNotFound."""
    return Donation.get_for_update(Donation.id == donation_id)
