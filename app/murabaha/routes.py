"""Murabaha: goods bought for a client and sold on at cost plus a known profit, in instalments."""

from ..database.base import db
from ..errors import Forbidden
from ..http import sql_json
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..payments.actions.intents import Collection
from ..payments.models import Payment
from ..payments.rules import InvalidTransition
from ..payments.schemas import PaymentSchema, PaySchema
from ..users.rules import UserNotFound
from .actions import payments, transitions
from .actions.agreement import agreement
from .models import Application, Event, Vendor
from .rules import (
    ApplicationNotFound,
    ApplicationNotPending,
    InstallmentNotFound,
    VendorNotFound,
)
from .schemas import (
    AcceptanceSchema,
    AcquisitionSchema,
    ApplicationChangesSchema,
    ApplicationSchema,
    ApprovalSchema,
    EventSchema,
    NewApplicationSchema,
    NewVendorSchema,
    NothingSchema,
    QuoteRequestSchema,
    QuoteSchema,
    RecordSchema,
    RejectionSchema,
    ScheduleSchema,
    SettlementSchema,
    StatusSchema,
    VendorChangesSchema,
    VendorSchema,
)

bp = Blueprint("murabaha", __name__, url_prefix="/api/murabaha", description=__doc__)


# Vendors and quotes


@bp.get("/vendors")
@bp.signed_in
@bp.page(VendorSchema)
def list_vendors():
    """Whom the institution buys from, newest first"""
    return Vendor.newest()


@bp.post("/vendors")
@bp.officers_only
@bp.once
@bp.arguments(NewVendorSchema)
@bp.one(VendorSchema, VendorNotFound, 201)
def create_vendor(asked):
    """Name somebody to buy from"""
    vendor = Vendor(**asked)
    db.session.add(vendor)
    db.session.flush()
    return Vendor.one(vendor.id)


@bp.patch("/vendors/<uuid:id>")
@bp.officers_only
@bp.arguments(VendorChangesSchema)
@bp.response(200, VendorSchema)
@bp.raises(VendorNotFound)
def update_vendor(changes, id):
    """Change a vendor; one that is not active takes no new applications"""
    vendor = Vendor.by_id(id)
    for name, value in changes.items():
        setattr(vendor, name, value)
    db.session.commit()
    return vendor


@bp.post("/quotes")
@bp.public
@bp.arguments(QuoteRequestSchema)
@bp.response(200, QuoteSchema)
def quote_price(asked):
    """What goods would be sold for, and in which instalments; binds nobody"""
    return transitions.quote(**asked)


# Applications


@bp.post("/applications")
@bp.signed_in
@bp.once
@bp.arguments(NewApplicationSchema)
@bp.one(ApplicationSchema, ApplicationNotFound, 201)
@bp.raises(VendorNotFound, UserNotFound)
def apply_for_goods(asked):
    """Ask the institution to buy something for you and sell it on to you"""
    return shown(transitions.apply(asked).id)


@bp.get("/applications")
@bp.signed_in
@bp.arguments(StatusSchema, location="query")
@bp.page(ApplicationSchema)
def list_applications(query):
    """Your applications, or for an officer everybody's; newest first"""
    return Application.readable_by(current_user.id, None, query["status"])


@bp.get("/applications/<uuid:id>")
@bp.signed_in
@bp.one(ApplicationSchema, ApplicationNotFound)
def show_application(id):
    """An application with its vendor, contract and instalments"""
    return shown(id)


@bp.patch("/applications/<uuid:id>")
@bp.signed_in
@bp.arguments(ApplicationChangesSchema)
@bp.one(ApplicationSchema, ApplicationNotFound)
@bp.raises(Forbidden, ApplicationNotPending, VendorNotFound)
def update_application(changes, id):
    """Change your application while it is pending"""
    transitions.change(id, changes)
    db.session.commit()
    return shown(id)


@bp.get("/applications/<uuid:id>/history")
@bp.signed_in
@bp.page(EventSchema)
@bp.raises(ApplicationNotFound)
def list_application_history(id):
    """Each step of an application, the latest first"""
    require_readable(id)
    if transitions.expire(id):
        db.session.commit()
    return Event.of(id)


# Its steps


@bp.post("/applications/<uuid:id>/approve")
@bp.officers_only
@bp.once
@bp.arguments(ApprovalSchema)
@bp.one(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def approve_application(asked, id):
    """Offer the goods at a fixed price, for 30 days; never to oneself"""
    transitions.approve(id, **asked)
    return shown(id)


@bp.post("/applications/<uuid:id>/reject")
@bp.officers_only
@bp.once
@bp.arguments(RejectionSchema)
@bp.one(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def reject_application(asked, id):
    """Decline it, with the reason; never one's own"""
    transitions.reject(id, **asked)
    return shown(id)


@bp.post("/applications/<uuid:id>/acquire")
@bp.officers_only
@bp.once
@bp.arguments(AcquisitionSchema)
@bp.one(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def acquire_goods(asked, id):
    """Record that the institution owns the goods; before that they cannot be sold"""
    transitions.acquire(id, **asked)
    return shown(id)


@bp.post("/applications/<uuid:id>/accept")
@bp.signed_in
@bp.once
@bp.arguments(AcceptanceSchema)
@bp.one(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def accept_offer(asked, id):
    """Buy: price and schedule are fixed for good"""
    transitions.accept(id, **asked)
    return shown(id)


@bp.post("/applications/<uuid:id>/cancel")
@bp.signed_in
@bp.once
@bp.arguments(NothingSchema)
@bp.one(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def cancel_application(_, id):
    """Withdraw your application, before the sale"""
    transitions.cancel(id)
    return shown(id)


@bp.get("/applications/<uuid:id>/schedule")
@bp.signed_in
@bp.one(ScheduleSchema, ApplicationNotFound)
def show_schedule(id):
    """What is due when, and what was paid of it"""
    return shown(id)


@bp.get("/applications/<uuid:id>/agreement")
@bp.signed_in
@bp.pdf
@bp.raises(ApplicationNotFound, InvalidTransition)
def show_agreement(id):
    """The agreement that both sides sign, as a PDF; once the institution owns the goods"""
    found = shown(id).objects()
    if not found:
        raise ApplicationNotFound
    return sql_json.document(agreement(found[0]), f"{found[0].application_number}.pdf")


@bp.post("/applications/<uuid:id>/installments/<int:number>/record")
@bp.officers_only
@bp.once
@bp.arguments(RecordSchema)
@bp.one(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition, InstallmentNotFound)
def record_payment(asked, id, number):
    """Record money that was received elsewhere, for the oldest unpaid instalment and those after"""
    payments.record(id, number, **asked)
    return shown(id)


@bp.post("/applications/<uuid:id>/installments/<int:number>/pay")
@bp.signed_in
@bp.pays(PaymentSchema, Payment.one, Collection.of)
@bp.arguments(PaySchema)
@bp.raises(ApplicationNotFound, InstallmentNotFound, InvalidTransition)
def pay_installment(asked, id, number):
    """Pay the oldest unpaid instalment: by the payment's clientSecret, or a paymentMethodId"""
    return payments.pay(id, number, asked["payment_method_id"])


@bp.post("/applications/<uuid:id>/settle")
@bp.officers_only
@bp.once
@bp.arguments(SettlementSchema)
@bp.one(ApplicationSchema, ApplicationNotFound)
@bp.raises(InvalidTransition)
def settle_early(asked, id):
    """Make the rest due today, less a rebate if the institution gives one"""
    payments.settle(id, **asked)
    return shown(id)


def shown(id):
    """The application as whoever asks may see it."""
    return Application.readable_by(current_user.id, id)


def require_readable(id):
    if shown(id).only(Application.id).row() is None:
        raise ApplicationNotFound
