"""Routes of what staff follow up: arrears, promises to pay, due instalments and offers."""

from ...database.base import db
from ...http.authentication import current_user
from ...http.schemas import PeriodQuerySchema
from ...payments.rules import InvalidTransition
from ..actions import promises
from ..models import Application, Arrears, DueInstallment, Promise
from ..rules import ApplicationNotFound, PromiseNotFound
from ..schemas.overviews import (
    ArrearsSchema,
    DueInstallmentSchema,
    NewPromiseSchema,
    OfferListQuerySchema,
    OfferSchema,
    PaymentPromiseSchema,
)
from .blueprint import bp, if_unchanged, previewable, require_readable


@bp.get("/arrears")
@bp.officers_only
@bp.paginated(ArrearsSchema)
def list_arrears():
    """List the sales with overdue instalments, the longest overdue first"""
    return Arrears.search()


@bp.get("/due")
@bp.officers_only
@bp.arguments(PeriodQuerySchema, location="query")
@bp.paginated(DueInstallmentSchema)
def list_due_installments(query):
    """List the unpaid instalments that are due in a period, the first due first"""
    return DueInstallment.search(query["since"], query["until"])


@bp.get("/offers")
@bp.officers_only
@bp.arguments(OfferListQuerySchema, location="query")
@bp.paginated(OfferSchema)
def list_offers(query):
    """List the offers that stand, the first to expire first

    Those that are `approved` wait for the acquisition, those that are `acquired` for the client.
    """
    return Application.offers(current_user.id, query["status"])


@bp.get("/applications/<uuid:id>/promises")
@bp.officers_only
@bp.paginated(PaymentPromiseSchema, "createdAt")
@bp.raises(ApplicationNotFound)
def list_promises(id):
    """List what the client has promised to pay, newest first"""
    require_readable(id)
    return Promise.for_application(id)


@bp.post("/applications/<uuid:id>/promises")
@bp.officers_only
@previewable
@bp.idempotent
@bp.arguments(NewPromiseSchema)
@bp.returns_row(PaymentPromiseSchema, PromiseNotFound, 201)
@if_unchanged
@bp.raises(ApplicationNotFound, InvalidTransition)
def record_promise(data, id):
    """Record that the client has promised to pay; it changes nothing of the debt"""
    return Promise.by_id(promises.record_promise(current_user, id, data).id)


@bp.delete("/applications/<uuid:id>/promises/<uuid:promise_id>")
@bp.officers_only
@bp.returns_row(PaymentPromiseSchema, PromiseNotFound)
@if_unchanged
@bp.raises(ApplicationNotFound, InvalidTransition)
def withdraw_promise(id, promise_id):
    """Withdraw a promise that was recorded by mistake; it stays in the list"""
    promises.withdraw_promise(current_user, id, promise_id)
    db.session.commit()
    return Promise.by_id(promise_id)
