"""The audit: what staff and commands have done, and changes of roles, e-mails and passwords."""

from .. import clock
from ..http.blueprint import Blueprint
from .models import AuditEvent
from .schemas import AuditEventSchema, AuditQuerySchema

bp = Blueprint("audit", __name__, url_prefix="/api/audit", description=__doc__)


@bp.get("")
@bp.admins_only
@bp.arguments(AuditQuerySchema, location="query")
@bp.paginated(AuditEventSchema, "at", has_period=False)
def list_audit_events(query):
    """List who did what, newest first, filtered by person, action, subject and day"""
    since, until = query["since"], query["until"]
    return AuditEvent.search(
        query["actor_id"],
        query["action"],
        query["subject_id"],
        since and clock.start_of_day(since),
        until and clock.end_of_day(until),
    )
