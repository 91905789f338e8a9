"""Murabaha: goods bought for a client and sold on at cost plus a known profit, in instalments."""

from ..database.base import db
from ..errors import Forbidden
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.responses import pdf_response
from ..payments.actions.intents import PaymentOperation
from ..payments.models import Payment
from ..payments.rules import InvalidTransition
from ..payments.schemas import PayInstallmentSchema, PaymentSchema
from ..users.rules import UserNotFound
from .actions import payments, transitions
from .actions.agreement import render_agreement
from .models import Application, ApplicationEvent, Vendor
from .rules import (
    ApplicationNotFound,
    ApplicationNotPending,
    InstallmentNotFound,
    VendorNotFound,
)
from .schemas import (
    AcceptanceSchema,
    AcquisitionSchema,
    ApplicationEventSchema,
    ApplicationListQuerySchema,
    ApplicationPatchSchema,
    ApplicationSchema,
    ApprovalSchema,
    EarlySettlementSchema,
    EmptySchema,
    NewApplicationSchema,
    NewVendorSchema,
    QuoteRequestSchema,
    QuoteSchema,
    RecordPaymentSchema,
    RejectionSchema,
    ScheduleSchema,
    VendorPatchSchema,
    VendorSchema,
)

bp = Blueprint("murabaha", __name__, url_prefix="/api/murabaha", description=__doc__)


# Vendors and quotes


@bp.get("/vendors")
@bp.login_required
@bp.paginated(VendorSchema)
def list_vendors():
    """Whom the institution buys from, newest first"""
    return Vendor.newest()


@bp.post("/vendors")
@bp.officers_only
@bp.idempotent
@bp.arguments(NewVendorSchema)
@bp.returns_row(VendorSchema, VendorNotFound, 201)
def create_vendor(data):
    """Name somebody to buy from"""
    vendor = Vendor(**data)
    db.session.add(vendor)
    db.session.flush()
    return Vendor.by_id(vendor.id)


@bp.patch("/vendors/<uuid:id>")
@bp.officers_only
@bp.arguments(VendorPatchSchema)
@bp.response(200, VendorSchema)
@bp.raises(VendorNotFound)
def update_vendor(changes, id):
    """Change a vendor; one that is not active takes no new applications"""
    vendor = Vendor.get(id)
    for name, value in changes.items():
        setattr(vendor, name, value)
    db.session.commit()
    return vendor


@bp.post("/quotes")
@bp.public
@bp.arguments(QuoteRequestSchema)
@bp.response(200, QuoteSchema)
def quote_price(data):
    """What goods would be sold for, and in which instalments; binds nobody"""
    return transitions.quote(**data)


# Applications


@bp.post("/applications")
@bp.login_required
@bp.idempotent
@bp.arguments(NewApplicationSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound, 201)
@bp.raises(VendorNotFound, UserNotFound)
def apply_for_goods(data):
    """Ask the institution to buy something for you and sell it on to you"""
    return visible_application(transitions.create_application(current_user, data).id)


@bp.get("/applications")
@bp.login_required
@bp.arguments(ApplicationListQuerySchema, location="query")
@bp.paginated(ApplicationSchema)
def list_applications(query):
    """Your applications, or for an officer everybody's; newest first"""
    return Application.readable_by(current_user.id, None, query["status"])


@bp.get("/applications/<uuid:id>")
@bp.login_required
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
def show_application(id):
    """An application with its vendor, contract and instalments"""
    return visible_application(id)


@bp.patch("/applications/<uuid:id>")
@bp.login_required
@bp.arguments(ApplicationPatchSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@bp.raises(Forbidden, ApplicationNotPending, VendorNotFound)
def update_application(changes, id):
    """Change your application while it is pending"""
    transitions.update_application(current_user, id, changes)
    db.session.commit()
    return visible_application(id)


@bp.get("/applications/<uuid:id>/history")
@bp.login_required
@bp.paginated(ApplicationEventSchema)
@bp.raises(ApplicationNotFound)
def list_application_history(id):
    """Each step of an application, the latest first"""
    require_readable(id)
    if transitions.expire(id):
        db.session.commit()
    return ApplicationEvent.for_application(id)


# Its steps


@bp.post("/applications/<uuid:id>/approve")
@bp.officers_only
@bp.idempotent
@bp.arguments(ApprovalSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def approve_application(data, id):
    """Offer the goods at a fixed price, for 30 days; never to oneself"""
    transitions.approve(current_user, id, **data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/reject")
@bp.officers_only
@bp.idempotent
@bp.arguments(RejectionSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def reject_application(data, id):
    """Decline it, with the reason; never one's own"""
    transitions.reject(current_user, id, **data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/acquire")
@bp.officers_only
@bp.idempotent
@bp.arguments(AcquisitionSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def acquire_goods(data, id):
    """Record that the institution owns the goods; before that they cannot be sold"""
    transitions.acquire(current_user, id, **data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/accept")
@bp.login_required
@bp.idempotent
@bp.arguments(AcceptanceSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def accept_offer(data, id):
    """Buy: price and schedule are fixed for good"""
    transitions.accept(current_user, id, **data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/cancel")
@bp.login_required
@bp.idempotent
@bp.arguments(EmptySchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def cancel_application(_, id):
    """Withdraw your application, before the sale"""
    transitions.cancel(current_user, id)
    return visible_application(id)


@bp.get("/applications/<uuid:id>/schedule")
@bp.login_required
@bp.returns_row(ScheduleSchema, ApplicationNotFound)
def show_schedule(id):
    """What is due when, and what was paid of it"""
    return visible_application(id)


@bp.get("/applications/<uuid:id>/agreement")
@bp.login_required
@bp.pdf
@bp.raises(ApplicationNotFound, InvalidTransition)
def show_agreement(id):
    """The agreement that both sides sign, as a PDF; once the institution owns the goods"""
    found = visible_application(id).objects()
    if not found:
        raise ApplicationNotFound
    return pdf_response(render_agreement(found[0]), f"{found[0].application_number}.pdf")


@bp.post("/applications/<uuid:id>/installments/<int:number>/record")
@bp.officers_only
@bp.idempotent
@bp.arguments(RecordPaymentSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition, InstallmentNotFound)
def record_payment(data, id, number):
    """Record money that was received elsewhere, for the oldest unpaid instalment and those after"""
    payments.record_payment(current_user, id, number, **data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/installments/<int:number>/pay")
@bp.login_required
@bp.idempotent_payment(PaymentSchema, Payment.by_id, PaymentOperation.load)
@bp.arguments(PayInstallmentSchema)
@bp.raises(ApplicationNotFound, InstallmentNotFound, InvalidTransition)
def pay_installment(data, id, number):
    """Pay the oldest unpaid instalment: by the payment's clientSecret, or a paymentMethodId"""
    return payments.start_payment(current_user, id, number, data["payment_method_id"])


@bp.post("/applications/<uuid:id>/settle")
@bp.officers_only
@bp.idempotent
@bp.arguments(EarlySettlementSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def settle_early(data, id):
    """Make the rest due today, less a rebate if the institution gives one"""
    payments.settle_early(current_user, id, **data)
    return visible_application(id)


def visible_application(id):
    """The application as whoever asks may see it."""
    return Application.readable_by(current_user.id, id)


def require_readable(id):
    if visible_application(id).select_columns(Application.id).row() is None:
        raise ApplicationNotFound
