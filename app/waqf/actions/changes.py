"""Change what a donation says about its donor."""

from typing import Any
from uuid import UUID

from ... import clock
from ...database.base import db
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
        set_donor(donation, is_anonymous=changes["is_anonymous"])
    db.session.flush()


def set_donor(donation: Donation, **values: Any) -> None:
    """Set whose the donation is or how it names its donor; count the locked project's donors."""
    project = Project.get_for_update(donation.project_id)
    counts = donation.status == "succeeded"
    if counts:
        count_donor(project, donation, -1)
    donation.set_attributes(values)
    db.session.flush()
    if counts:
        count_donor(project, donation, 1)


def hide_message(donation_id: UUID) -> None:
    """Hide a donation's message from the public. Raises DonationNotFound."""
    donation = Donation.get_for_update(Donation.id == donation_id)
    donation.message_hidden_at = donation.message_hidden_at or clock.now()
    db.session.flush()


def lock_donation(donation_id: UUID) -> Donation:
    """Lock a donation. Raises DonationNotFound."""
    return Donation.get_for_update(Donation.id == donation_id)
