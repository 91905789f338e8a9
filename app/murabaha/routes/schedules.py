"""Routes of what changes a schedule after the sale: settlements, dates and waivers."""

from ...approvals.routes import may_need_approval
from ...http.authentication import current_user
from ...payments.rules import InvalidTransition
from ..actions import schedules, settlements, waivers
from ..models import Waiver
from ..rules import ApplicationNotFound, InstallmentNotFound, WaiverNotFound
from ..schemas.applications import ApplicationSchema
from ..schemas.payments import EarlySettlementSchema
from ..schemas.schedules import (
    NewWaiverSchema,
    RescheduleSchema,
    SettlementReversalSchema,
    WaiverReversalSchema,
    WaiverSchema,
)
from .blueprint import bp, if_unchanged, previewable, require_readable, visible_application


@bp.post("/applications/<uuid:id>/settle")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(EarlySettlementSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition)
@may_need_approval
def settle_early(data, id):
    """Settle early: make the outstanding balance due today, less an optional rebate"""
    return settlements.settle_early(current_user, id, **data) or visible_application(id)


@bp.delete("/applications/<uuid:id>/settle")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(SettlementReversalSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition)
def undo_settlement(data, id):
    """Take back an early settlement, until money has arrived after it

    Due dates and amounts are as they were before; dates that were put off since stay later.
    """
    settlements.undo_settlement(current_user, id, **data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/reschedule")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(RescheduleSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition, InstallmentNotFound)
def reschedule(data, id):
    """Put off due dates; the amounts stay the same

    From the instalment `from` on, by default the oldest unpaid one, they are due monthly from
    `firstDueOn`, or each of them `months` or `days` later. No date is earlier than it was agreed.
    """
    number, reason = data.pop("number"), data.pop("reason")
    schedules.reschedule(current_user, id, number, reason, data)
    return visible_application(id)


@bp.post("/applications/<uuid:id>/installments/<int:number>/waive")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(NewWaiverSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition, InstallmentNotFound)
@may_need_approval
def waive_installment(data, id, number):
    """Waive an instalment, or a part of it, as charity of the institution"""
    return waivers.waive(current_user, id, number, **data) or visible_application(id)


@bp.get("/applications/<uuid:id>/waivers")
@bp.login_required
@bp.paginated(WaiverSchema, "createdAt")
@bp.raises(ApplicationNotFound)
def list_waivers(id):
    """List what was waived as charity, newest first"""
    require_readable(id)
    return Waiver.for_application(id)


@bp.post("/applications/<uuid:id>/waivers/<uuid:waiver_id>/reverse")
@bp.officers_only
@previewable
@bp.returns_etag
@bp.idempotent
@bp.arguments(WaiverReversalSchema)
@bp.returns_row(ApplicationSchema, ApplicationNotFound)
@if_unchanged
@bp.raises(InvalidTransition, WaiverNotFound)
def reverse_waiver(data, id, waiver_id):
    """Reverse a waiver that was a mistake, until money has arrived after it"""
    waivers.reverse_waiver(current_user, id, waiver_id, **data)
    return visible_application(id)
