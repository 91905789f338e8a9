"""Routes of instalments, down payments and receipts."""

from ...approvals.routes import may_need_approval
from ...errors import ResourceExists
from ...http.authentication import current_user
from ...payments.actions.intents import PaymentOperation
from ...payments.models import Payment
from ...payments.rules import InvalidTransition
from ...payments.schemas import PaymentSchema
from ..actions import down_payments, payments, receipts
from ..models import Receipt
from ..rules import ApplicationNotFound, InstallmentNotFound, ReceiptNotFound
from ..schemas.applications import ApplicationSchema
from ..schemas.payments import (
    PayAmountSchema,
    ReceiptReversalSchema,
    ReceiptSchema,
    RecordPaymentSchema,
)
from .blueprint import bp, if_unchanged, previewable, require_readable, visible_application


@bp.post("/applications/<uuid:id>/installments/<int:number>/record")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(RecordPaymentSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition, InstallmentNotFound, ResourceExists)
def record_payment(data, id, number):
    """Record a payment received outside Stripe, from the oldest unpaid instalment on"""
    receipts.record_payment(current_user, id, number, data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/installments/<int:number>/pay")
@bp.login_required
@bp.idempotent_payment(PaymentSchema, Payment.by_id, PaymentOperation.load)
@bp.arguments(PayAmountSchema)
@if_unchanged
@bp.raises(ApplicationNotFound, InstallmentNotFound, InvalidTransition)
def pay_installment(data, id, number):
    """Pay the oldest unpaid instalment, or another amount from it on

    The payment is completed with its clientSecret, or at once with a paymentMethodId.
    """
    return payments.start_payment(current_user, id, number, **data)


@bp.post("/applications/<uuid:id>/down-payment/record")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(RecordPaymentSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition, ResourceExists)
def record_down_payment(data, id):
    """Record money received outside Stripe for the down payment"""
    receipts.record_down_payment(current_user, id, data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/down-payment/pay")
@bp.login_required
@bp.idempotent_payment(PaymentSchema, Payment.by_id, PaymentOperation.load)
@bp.arguments(PayAmountSchema)
@if_unchanged
@bp.raises(ApplicationNotFound, InvalidTransition)
def pay_down_payment(data, id):
    """Pay the down payment, or a part of it, once the institution owns the goods"""
    return down_payments.start_down_payment(current_user, id, **data)


@bp.get("/applications/<uuid:id>/receipts")
@bp.login_required
@bp.paginated(ReceiptSchema, "createdAt")
@bp.raises(ApplicationNotFound)
def list_receipts(id):
    """List what was received outside Stripe, newest first"""
    require_readable(id)
    return Receipt.for_application(id)


@bp.post("/applications/<uuid:id>/receipts/<uuid:receipt_id>/reverse")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(ReceiptReversalSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition, ReceiptNotFound)
@may_need_approval
def reverse_receipt(data, id, receipt_id):
    """Reverse a receipt, such as a bounced cheque: what it paid is open again"""
    approval = receipts.reverse_receipt(current_user, id, receipt_id, **data)
    return approval or visible_application(id)
