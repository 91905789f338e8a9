"""The audit: what staff and commands have done, and changes of roles, e-mails and passwords."""

from .. import clock
from ..http.blueprint import Blueprint
from .models import AuditEvent
from .schemas import AuditEventSchema, AuditQuerySchema

bp = Blueprint("audit", __name__, url_prefix="/api/audit", description=__doc__)


@bp.get("")
@bp.admins_only
@bp.arguments(AuditQuerySchema, location="query")
@bp.paginated(AuditEventSchema)
def list_audit_events(query):
    """List who did what, newest first, filtered by person, action, subject and day"""
    first_day, last_day = query["first_day"], query["last_day"]
    return AuditEvent.search(
        query["actor_id"],
        query["action"],
        query["subject_id"],
        first_day and clock.start_of_day(first_day),
        last_day and clock.end_of_day(last_day),
    )
