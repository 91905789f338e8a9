"""Projects, and the donations of each donor.

A view with ``idempotent`` does not commit: the decorator commits the effect together with the
stored response. ``idempotent_payment`` commits the record that the view has inserted, calls Stripe,
renders the response, and commits the result together with the stored response.
"""

from ...approvals.routes import may_need_approval
from ...database.base import db
from ...errors import Forbidden, QuotaExceeded
from ...http.authentication import current_user
from ...http.examples import example_of
from ...http.exports import stream_rows
from ...http.languages import preferred_language
from ...http.rate_limits import limit
from ...http.responses import pdf_response
from ...http.schemas import ExportQuerySchema, LanguageQuerySchema
from ...payments.actions.intents import PaymentOperation
from ...payments.actions.refunds import RefundOperation
from ...payments.rules import DonationNotFound, InvalidTransition
from ...payments.schemas import PaymentSchema
from ..actions import changes, donations, projects, refunds, year_receipts
from ..actions.cancellation import CancelOperation, request_cancellation
from ..models import Donation, Project
from ..rules import GoalMet, ProjectInactive, ProjectNotFound, ReceiptNotFound
from ..schemas.donations import (
    DonationCancellationSchema,
    DonationExportSchema,
    DonationPatchSchema,
    DonationSchema,
    NewDonationSchema,
    NewProjectSchema,
    NewRefundSchema,
    OwnDonationQuerySchema,
    ProjectListQuerySchema,
    ProjectPatchSchema,
    ProjectSchema,
    PublicDonationSchema,
    YearReceiptQuerySchema,
)
from .blueprint import (
    EXPORTS,
    bp,
    if_project_unchanged,
    receipt_response,
    require_project,
)
from .guests import find_guest, limit_guest, with_receipt_link

CANCELLED_EXAMPLE = {**example_of(PaymentSchema), "status": "cancelled", "clientSecret": None}


def own_donation(id):
    """Build the query for one of the current user's donations."""
    return Donation.for_user(current_user.id, id)


# Projects


@bp.get("/projects")
@bp.public
@bp.cacheable
@bp.arguments(ProjectListQuerySchema, location="query")
@bp.paginated(ProjectSchema, "createdAt")
def list_projects(query):
    """List projects, newest first, filtered by category and active"""
    return Project.search(query["category"], query["active"])


@bp.post("/projects")
@bp.officers_only
@bp.returns_etag
@bp.idempotent
@bp.arguments(NewProjectSchema)
@bp.returns_row(ProjectSchema, ProjectNotFound, 201)
def create_project(data):
    """Create a project"""
    project = Project(**data)
    db.session.add(project)
    db.session.flush()
    return Project.by_id(project.id)


@bp.get("/projects/<uuid:id>")
@bp.public
@bp.cacheable
@bp.returns_row(ProjectSchema, ProjectNotFound)
def show_project(id):
    """Get a project and its progress"""
    return Project.by_id(id)


@bp.patch("/projects/<uuid:id>")
@bp.officers_only
@bp.returns_etag
@bp.arguments(ProjectPatchSchema)
@bp.returns_row(ProjectSchema, ProjectNotFound)
@if_project_unchanged
def update_project(changes, id):
    """Update a project; an inactive one does not accept donations"""
    projects.update_project(id, changes)
    db.session.commit()
    return Project.by_id(id)


@bp.get("/projects/<uuid:id>/donations")
@bp.public
@bp.cacheable
@bp.paginated(PublicDonationSchema, "createdAt")
@bp.raises(ProjectNotFound)
def list_project_donations(id):
    """List the succeeded donations to a project, newest first, without anonymous donors' names"""
    require_project(id)
    return Donation.public_for_project(id).with_total(Donation.public_count(id))


# Donations


@bp.post("/donations")
@limit("donations")
@bp.login_or_guest_required(find_guest)
@bp.defers_session_check  # insert_pledge verifies it
@bp.example(status="pending", receivedAmount=0, receiptNumber=None, paidAt=None)
@with_receipt_link
@bp.idempotent_payment(DonationSchema, Donation.by_payment, PaymentOperation.load)
@bp.arguments(NewDonationSchema)
@bp.raises(ProjectNotFound, ProjectInactive, GoalMet)
def donate(data):
    """Donate to a project; confirm with the returned clientSecret or send a paymentMethodId

    Without a token `donor` says who gives. Their receipt is mailed, and `Link` has its address.
    """
    guest = data.pop("donor")
    limit_guest(guest)
    return donations.create_donation(current_user, guest=guest, **data)


@bp.get("/donations")
@bp.login_required
@bp.arguments(OwnDonationQuerySchema, location="query")
@bp.paginated(DonationSchema, "createdAt")
def list_donations(query):
    """List your donations, newest first"""
    return Donation.own(current_user.id, query["project_id"], query["status"])


@bp.get("/donations/export")
@bp.login_required
@bp.arguments(ExportQuerySchema, location="query")
@bp.streamed(**EXPORTS)
def export_donations(query):
    """Export all your donations as a stream of lines, ndjson or csv"""
    return stream_rows(Donation.for_user(current_user.id), DonationExportSchema, query["format"])


@bp.get("/donations/<uuid:id>")
@bp.login_required
@bp.returns_etag
@bp.returns_row(DonationSchema, DonationNotFound)
def show_donation(id):
    """Get one of your donations"""
    return own_donation(id)


@bp.patch("/donations/<uuid:id>")
@bp.login_required
@bp.returns_etag
@bp.arguments(DonationPatchSchema)
@bp.returns_row(DonationSchema, DonationNotFound)
@bp.if_match(DonationSchema, own_donation, changes.lock_donation)
def update_donation(data, id):
    """Change how one of your donations is shown; its receipt stays as it was issued"""
    changes.update_donation(current_user, id, data)
    db.session.commit()
    return own_donation(id)


@bp.post("/donations/<uuid:id>/cancel")
@bp.login_required
@bp.returns_etag
@bp.example(
    status="cancelled", receivedAmount=0, receiptNumber=None, paidAt=None, payment=CANCELLED_EXAMPLE
)
@bp.idempotent_payment(DonationSchema, Donation.by_payment, CancelOperation, status=200)
@bp.arguments(DonationCancellationSchema)
@bp.if_match(DonationSchema, own_donation, refunds.lock_donation_payment)
@bp.raises(DonationNotFound, InvalidTransition)
def cancel_donation(_, id):
    """Cancel one of your donations while it is pending"""
    return request_cancellation(current_user, id)


@bp.get("/donations/<uuid:id>/receipt")
@bp.login_required
@bp.arguments(LanguageQuerySchema, location="query")
@bp.pdf
@bp.raises(DonationNotFound, InvalidTransition)
def show_receipt(query, id):
    """Download the receipt for one of your donations as a PDF, once it has succeeded"""
    own = own_donation(id).objects()
    if not own:
        raise DonationNotFound
    return receipt_response(own[0], preferred_language(query["lang"], current_user))


@bp.get("/donations/receipt")
@bp.login_required
@bp.arguments(YearReceiptQuerySchema, location="query")
@bp.pdf
@bp.raises(ReceiptNotFound, QuotaExceeded)
def show_year_receipt(query):
    """Download one receipt for all of your donations of a year as a PDF, with their total

    A donation belongs to the year of its own receipt's number.
    """
    gifts = year_receipts.read_gifts(current_user.id, query["year"])
    issued = year_receipts.issue_year_receipt(current_user, query["year"], gifts)
    db.session.commit()
    lang = preferred_language(query["lang"], current_user)
    pdf = year_receipts.render_year_receipt(current_user, query["year"], gifts, issued, lang)
    return pdf_response(pdf, issued.number, lang)


@bp.post("/donations/<uuid:id>/refund")
@bp.admins_only
@bp.returns_etag
@bp.example(refundedAmount=10)
@bp.idempotent_payment(DonationSchema, Donation.by_refund, RefundOperation, status=200)
@bp.arguments(NewRefundSchema)
@bp.if_match(DonationSchema, Donation.by_id, refunds.lock_donation_payment)
@bp.raises(DonationNotFound, InvalidTransition, Forbidden)
@may_need_approval
def refund_donation(data, id):
    """Refund a donation in full or in part"""
    return refunds.request_donation_refund(current_user, id, data["amount"])
