"""Acts of staff that a second person has to confirm by repeating the request.

Above FOUR_EYES_ABOVE the first request for an act is stored and answered with 202. The act is done
when a second person with the role sends the same request.
"""

from functools import wraps

from ..http import sql_json
from ..http.authentication import current_user
from ..http.blueprint import Blueprint
from ..http.examples import example_of
from ..http.responses import json_response
from .models import Approval
from .schemas import ApprovalListQuerySchema, ApprovalPendingSchema, StaffApprovalSchema

bp = Blueprint("approvals", __name__, url_prefix="/api/approvals", description=__doc__)


@bp.get("")
@bp.officers_only
@bp.arguments(ApprovalListQuerySchema, location="query")
@bp.paginated(StaffApprovalSchema, "requestedAt")
def list_approvals(query):
    """List the acts that need or needed a second person, newest first"""
    role = "officer" if current_user.role == "officer" else None
    return Approval.search(role, query["status"])


def may_need_approval(view):
    """Answer 202 with the approval if the view returns one, which is pending then."""
    document = bp.alt_response(
        202,
        schema=ApprovalPendingSchema,
        description="The act waits for a second person: nothing has been done yet.",
        example=example_of(ApprovalPendingSchema),
        success=True,
    )

    @document
    @wraps(view)
    def wrapper(*args, **kwargs):
        result = view(*args, **kwargs)
        if not isinstance(result, Approval):
            return result
        approval = sql_json.select_one_json(Approval.by_id(result.id), StaffApprovalSchema)
        return json_response(f'{{"approval":{approval}}}', 202)

    return wrapper
