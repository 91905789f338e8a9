"""What the funds of projects pay out, and their public ledgers."""

from ... import strict_json
from ...approvals.models import Approval
from ...approvals.routes import may_need_approval
from ...errors import Forbidden, NotFound, ResourceExists, ValidationFailed
from ...http.authentication import current_user
from ...http.pagination import page_response
from ...payments.rules import InvalidTransition
from ..actions import disbursements, projects, raised
from ..models import Disbursement, FundEntry, fund_of
from ..rules import FundInsufficient, ProjectNotFound
from ..schemas.funds import (
    DisbursementSchema,
    FundEntrySchema,
    FundLedgerQuerySchema,
    FundLedgerSchema,
    NewDisbursementSchema,
    RaisedQuerySchema,
    RaisedSchema,
)
from ..schemas.staff import DonationReversalSchema
from .blueprint import bp, if_project_unchanged, require_project


@bp.get("/projects/<uuid:id>/disbursements")
@bp.officers_only
@bp.paginated(DisbursementSchema, "createdAt")
@bp.raises(ProjectNotFound)
def list_disbursements(id):
    """List what a project's fund has paid out, newest first"""
    require_project(id)
    return Disbursement.for_project(id)


@bp.post("/projects/<uuid:id>/disbursements")
@bp.officers_only
@bp.returns_etag
@bp.idempotent
@bp.arguments(NewDisbursementSchema)
@bp.returns_row(DisbursementSchema, NotFound, 201)
@if_project_unchanged
@bp.raises(ProjectNotFound, FundInsufficient, ResourceExists, Forbidden)
@may_need_approval
def disburse(data, id):
    """Record a payment out of a project's fund, never more than it holds"""
    disbursement = disbursements.disburse(current_user, id, **data)
    if isinstance(disbursement, Approval):
        return disbursement
    return Disbursement.by_id(disbursement.id)


@bp.post("/disbursements/<uuid:id>/reverse")
@bp.officers_only
@bp.returns_etag
@bp.idempotent
@bp.arguments(DonationReversalSchema)
@bp.example(reversedAt="2026-01-26T09:30:00Z", reversalReason="The cheque bounced")
@bp.returns_row(DisbursementSchema, NotFound)
@bp.if_match(DisbursementSchema, Disbursement.by_id, disbursements.lock_disbursement)
@bp.raises(InvalidTransition, Forbidden)
@may_need_approval
def reverse_disbursement(data, id):
    """Reverse a disbursement that was recorded by mistake or came back"""
    return disbursements.reverse_disbursement(current_user, id, **data) or Disbursement.by_id(id)


@bp.get("/projects/<uuid:id>/ledger")
@bp.public
@bp.cacheable
@bp.arguments(FundLedgerQuerySchema, location="query")
@bp.response(200, FundLedgerSchema)
@bp.raises(ProjectNotFound)
def show_project_ledger(query, id):
    """Get what a project's fund received and paid out, and its balance, in a period"""
    since, until = query["since"], query["until"]
    totals = projects.fund_totals(id, since, until)
    entries = FundEntry.for_fund(fund_of(id), since, until)
    head = f'{strict_json.dumps(totals)[:-1]},"entries":{{"data":'
    return page_response(entries, FundEntrySchema, query, head=head, tail="}}")


@bp.get("/raised")
@bp.officers_only
@bp.arguments(RaisedQuerySchema, location="query")
@bp.response(200, RaisedSchema)
@bp.raises(ValidationFailed)
def show_raised(query):
    """Report what projects received in each month, the last twelve by default, at most 60"""
    return raised.report_raised(query["currency"], query["since"], query["until"])
