"""Routes of vendors, quotes and applications."""

from ...approvals.routes import may_need_approval
from ...database.base import db
from ...errors import Forbidden, ResourceExists
from ...http.authentication import current_user
from ...http.examples import example_of
from ...http.languages import preferred_language
from ...http.responses import pdf_response
from ...http.schemas import LanguageQuerySchema
from ...payments.rules import InvalidTransition
from ...users.rules import UserNotFound
from ..actions import acquisitions, applications, transitions, vendors
from ..actions.agreement import choose_languages, get_agreement, render_agreement
from ..models import ApplicationEvent, Vendor
from ..rules import (
    ApplicationNotFound,
    ApplicationNotPending,
    VendorNotFound,
)
from ..schemas.applications import (
    AcceptanceSchema,
    AcquisitionSchema,
    ApplicationCancellationSchema,
    ApplicationEventSchema,
    ApplicationListQuerySchema,
    ApplicationPatchSchema,
    ApplicationSchema,
    ApprovalSchema,
    ContractSchema,
    NewApplicationSchema,
    NewVendorSchema,
    QuoteRequestSchema,
    QuoteSchema,
    RejectionSchema,
    ScheduleSchema,
    VendorListQuerySchema,
    VendorPatchSchema,
    VendorSchema,
    WithdrawalSchema,
)
from .blueprint import (
    bp,
    if_parties_unchanged,
    if_unchanged,
    previewable,
    require_readable,
    visible_application,
)

# Also where the contract is null: linters take null for a reference that may be null for a fault.
OFFER_EXAMPLE = {**example_of(ContractSchema), "acquiredOn": None, "acceptedAt": None}

# Vendors and quotes


@bp.get("/vendors")
@bp.login_required
@bp.arguments(VendorListQuerySchema, location="query")
@bp.paginated(VendorSchema, "createdAt")
def list_vendors(query):
    """List the vendors that the institution buys from, newest first"""
    return Vendor.search(query["active"])


@bp.post("/vendors")
@bp.officers_only
@bp.returns_etag
@bp.idempotent
@bp.arguments(NewVendorSchema)
@bp.returns_row(VendorSchema, VendorNotFound, 201)
def create_vendor(data):
    """Create a vendor"""
    vendor = Vendor(**data)
    db.session.add(vendor)
    db.session.flush()
    return Vendor.by_id(vendor.id)


@bp.patch("/vendors/<uuid:id>")
@bp.officers_only
@bp.returns_etag
@bp.arguments(VendorPatchSchema)
@bp.returns_row(VendorSchema, VendorNotFound)
@bp.if_match(VendorSchema, Vendor.by_id, Vendor.get_for_update)
def update_vendor(changes, id):
    """Update a vendor; an inactive one is not available for new applications"""
    vendors.update_vendor(current_user, id, changes)
    db.session.commit()
    return Vendor.by_id(id)


@bp.post("/quotes")
@bp.public
@bp.arguments(QuoteRequestSchema)
@bp.response(200, QuoteSchema)
def quote_price(data):
    """Calculate a selling price and its instalments, without obligation"""
    return transitions.quote(**data)


# Applications


@bp.post("/applications")
@bp.login_required
@bp.returns_etag
@bp.idempotent
@bp.arguments(NewApplicationSchema)
@bp.example(status="pending", contract=OFFER_EXAMPLE, installments=[])
@bp.returns_row(ApplicationSchema, ApplicationNotFound, 201)
@bp.raises(VendorNotFound, UserNotFound)
def apply_for_goods(data):
    """Apply for goods that the institution buys and sells to you"""
    return visible_application(transitions.create_application(current_user, data).id)


@bp.get("/applications")
@bp.login_required
@bp.arguments(ApplicationListQuerySchema, location="query")
@bp.paginated(ApplicationSchema)
def list_applications(query):
    """List your applications, or all of them for an officer, newest first"""
    return applications.search(current_user, **query)


@bp.get("/applications/<uuid:id>")
@bp.login_required
@bp.returns_etag
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
def show_application(id):
    """Get an application with its vendor, contract and instalments"""
    return visible_application(id)


@bp.patch("/applications/<uuid:id>")
@bp.login_required
@bp.returns_etag
@bp.arguments(ApplicationPatchSchema)
@bp.example(status="pending", contract=OFFER_EXAMPLE, installments=[])
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(Forbidden, ApplicationNotPending, VendorNotFound)
def update_application(changes, id):
    """Update your application while it is pending"""
    transitions.update_application(current_user, id, changes)
    db.session.commit()
    return visible_application(id)


@bp.get("/applications/<uuid:id>/history")
@bp.login_required
@bp.paginated(ApplicationEventSchema, "at", has_period=False)
@bp.raises(ApplicationNotFound)
def list_application_history(id):
    """List the events of an application, newest first"""
    require_readable(id)
    if transitions.expire(id):
        db.session.commit()
    return ApplicationEvent.for_application(id)


# Transitions


@bp.post("/applications/<uuid:id>/approve")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(ApprovalSchema)
@bp.example(status="approved", contract=OFFER_EXAMPLE, installments=[])
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_parties_unchanged
@bp.raises(InvalidTransition)
@may_need_approval
def approve_application(data, id):
    """Approve an application that is not your own: offer a fixed price, valid for 30 days"""
    return transitions.approve(current_user, id, **data) or visible_application(id)


@bp.post("/applications/<uuid:id>/reject")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(RejectionSchema)
@bp.example(status="rejected", contract=OFFER_EXAMPLE, installments=[])
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition)
def reject_application(data, id):
    """Reject an application that is not your own, with a reason"""
    transitions.reject(current_user, id, **data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/acquire")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(AcquisitionSchema)
@bp.example(
    status="acquired", contract={**OFFER_EXAMPLE, "acquiredOn": "2026-01-26"}, installments=[]
)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_parties_unchanged
@bp.raises(InvalidTransition, ResourceExists)
def acquire_goods(data, id):
    """Record that the institution owns the goods, which allows their sale

    An invoice of less than the cost lowers the price. One invoice of a vendor, and one file of
    evidence, belong to one sale.
    """
    acquisitions.acquire(current_user, id, **data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/withdraw")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(WithdrawalSchema)
@bp.example(status="pending", contract=OFFER_EXAMPLE, installments=[])
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition)
def withdraw_offer(data, id):
    """Withdraw an offer before the sale: the application is pending again

    What was paid down is owed back in full. Goods that were acquired stay the institution's.
    """
    acquisitions.withdraw(current_user, id, **data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/accept")
@bp.login_required
@bp.locks_users()  # the client's e-mail, which is compared with the vendor's
@bp.returns_etag
@bp.idempotent
@bp.arguments(AcceptanceSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition)
def accept_offer(data, id):
    """Accept the offer: this is the sale, which fixes price and schedule"""
    transitions.accept(current_user, id, **data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/cancel")
@bp.login_required
@bp.returns_etag
@bp.idempotent
@bp.arguments(ApplicationCancellationSchema)
@bp.example(status="cancelled", contract=OFFER_EXAMPLE, installments=[])
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition)
def cancel_application(_, id):
    """Cancel your application before the sale"""
    transitions.cancel(current_user, id)
    return visible_application(id)


@bp.get("/applications/<uuid:id>/schedule")
@bp.login_required
@bp.returns_row(ScheduleSchema, ApplicationNotFound)
def show_schedule(id):
    """Get the payment schedule with what has been paid"""
    return visible_application(id)


@bp.get("/applications/<uuid:id>/agreement")
@bp.login_required
@bp.arguments(LanguageQuerySchema, location="query")
@bp.pdf
@bp.raises(ApplicationNotFound, InvalidTransition)
def show_agreement(query, id):
    """Download the agreement as a PDF; before the acceptance it is a draft

    It is in the institution's language and, if theirs is another, in the buyer's beside it;
    with `lang` in that language alone.
    """
    found = visible_application(id).objects()
    if not found:
        raise ApplicationNotFound
    (application,) = found
    agreement = get_agreement(application)
    db.session.commit()
    langs = choose_languages(
        application, agreement, query["lang"], preferred_language(None, current_user)
    )
    pdf = render_agreement(application, agreement, langs)
    return pdf_response(pdf, application.application_number, *langs)
