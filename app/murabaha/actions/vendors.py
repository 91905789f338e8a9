"""Change vendors, and compare them with the clients who buy their goods."""

from typing import Any
from uuid import UUID

from ...errors import ValidationFailed
from ...messages import Fault, Message, Rule
from ...payments.rules import InvalidTransition
from ...users.rules import normalize_email
from ..models import Application, Vendor
from .history import changes_of, record_event


def update_vendor(officer: Any, id: UUID, changes: dict[str, Any]) -> None:
    """Change a vendor, and record it in the history of each application that is not yet a sale.

    The applications are locked, so that none of them takes a step between the change and its
    record. Raises VendorNotFound.
    """
    vendor = Vendor.get_for_update(id)
    facts = {f"vendor_{name}": change for name, change in changes_of(vendor, changes).items()}
    if facts:
        for application in Application.lock_before_sale(id):
            record_event(application, "update", application.state, officer, facts)
    vendor.set_attributes(changes)


def require_usable_vendor(vendor: Vendor, email: str) -> None:
    """Raise ValidationFailed if the vendor is inactive or the client with this ``email``."""
    if not vendor.active:
        raise ValidationFailed.at(
            ["vendorId"],
            Fault("This vendor is not active: choose another.", Rule.NOT_ALLOWED),
        )
    if _is_client(vendor, email):
        raise ValidationFailed.at(
            ["vendorId"], Fault("The vendor must not be the applicant.", Rule.NOT_ALLOWED)
        )


def require_separate_parties(application: Application, action: str) -> None:
    """Raise InvalidTransition if vendor and client have become one since the application."""
    if _is_client(application.vendor, application.user.email):
        raise InvalidTransition(
            Message(
                "Cannot {action}: the vendor is the applicant. Correct the vendor or cancel.",
                action=action,
            )
        )


def _is_client(vendor: Vendor, email: str) -> bool:
    return bool(vendor.email) and normalize_email(vendor.email or "") == normalize_email(email)
