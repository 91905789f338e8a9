"""Donations, for staff: of all donors, recorded by officers, and corrected."""

from ...approvals.routes import may_need_approval
from ...database.base import db
from ...errors import Forbidden, ResourceExists
from ...http.authentication import current_user
from ...http.exports import stream_rows
from ...http.languages import preferred_language
from ...http.schemas import LanguageQuerySchema
from ...payments.rules import DonationNotFound, InvalidTransition
from ...users.rules import UserNotFound
from ..actions import changes, offline, staff
from ..models import Donation
from ..rules import ProjectNotFound
from ..schemas.staff import (
    DonationReversalSchema,
    NewOfflineDonationSchema,
    StaffDonationExportQuerySchema,
    StaffDonationExportSchema,
    StaffDonationQuerySchema,
    StaffDonationSchema,
)
from .blueprint import (
    EXPORTS,
    bp,
    if_donation_unchanged,
    if_project_unchanged,
    receipt_response,
)


@bp.get("/donations/all")
@bp.officers_only
@bp.arguments(StaffDonationQuerySchema, location="query")
@bp.paginated(StaffDonationSchema)
def list_all_donations(query):
    """List the donations of all donors, also anonymous ones"""
    return staff.search_donations(query)


@bp.get("/donations/all/export")
@bp.officers_only
@bp.arguments(StaffDonationExportQuerySchema, location="query")
@bp.streamed(**EXPORTS)
def export_all_donations(query):
    """Export the donations of all donors as a stream of lines, ndjson or csv"""
    return stream_rows(staff.search_donations(query), StaffDonationExportSchema, query["format"])


@bp.get("/donations/all/<uuid:id>")
@bp.officers_only
@bp.returns_etag
@bp.returns_row(StaffDonationSchema, DonationNotFound)
def show_any_donation(id):
    """Get a donation of any donor"""
    return Donation.by_id(id)


@bp.get("/donations/all/<uuid:id>/receipt")
@bp.officers_only
@bp.arguments(LanguageQuerySchema, location="query")
@bp.pdf
@bp.raises(DonationNotFound, InvalidTransition)
def show_any_receipt(query, id):
    """Download a donation's receipt as a PDF, to hand it to a donor without an account"""
    found = Donation.by_id(id).objects()
    if not found:
        raise DonationNotFound
    (donation,) = found
    return receipt_response(donation, preferred_language(query["lang"], donation.user))


@bp.post("/donations/<uuid:id>/reverse")
@bp.officers_only
@bp.returns_etag
@bp.idempotent
@bp.arguments(DonationReversalSchema)
@bp.returns_row(StaffDonationSchema, DonationNotFound)
@if_donation_unchanged
@bp.raises(InvalidTransition, Forbidden)
@may_need_approval
def reverse_donation(data, id):
    """Reverse a donation that was received outside Stripe, such as a cheque that bounced"""
    return offline.reverse_donation(current_user, id, **data) or Donation.by_id(id)


@bp.delete("/donations/<uuid:id>/message")
@bp.officers_only
@bp.returns_etag
@bp.returns_row(StaffDonationSchema, DonationNotFound)
@if_donation_unchanged
def hide_message(id):
    """Hide a donation's message from the public; the donor and the books keep it"""
    changes.hide_message(id)
    db.session.commit()
    return Donation.by_id(id)


@bp.post("/projects/<uuid:id>/offline-donations")
@bp.officers_only
@bp.returns_etag
@bp.idempotent
@bp.arguments(NewOfflineDonationSchema)
@bp.returns_row(StaffDonationSchema, DonationNotFound, 201)
@if_project_unchanged
@bp.raises(ProjectNotFound, UserNotFound, ResourceExists)
def record_offline_donation(data, id):
    """Record a donation that was received outside Stripe, also beyond the goal"""
    return Donation.by_id(offline.record_donation(current_user, id, **data).id)
