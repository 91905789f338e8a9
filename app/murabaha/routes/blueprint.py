"""Murabaha: sales of goods to clients at cost plus a known profit, paid in instalments.

A view with ``idempotent`` does not commit: the decorator commits the effect together with the
stored response. ``idempotent_payment`` commits the record that the view has inserted, calls Stripe,
renders the response, and commits the result together with the stored response.
"""

from ...http import preview
from ...http.authentication import current_user
from ...http.blueprint import Blueprint
from ..actions import accounts  # noqa: F401 (registers its handlers)
from ..actions.steps import lock_with_client
from ..models import Application
from ..rules import ApplicationNotFound
from ..schemas.applications import ApplicationSchema

bp = Blueprint("murabaha", __name__, url_prefix="/api/murabaha", description=__doc__)


def visible_application(id):
    """Build the query for an application that the current user may read."""
    return Application.readable_by(current_user.id, id)


def require_readable(id):
    """Raise ApplicationNotFound unless the current user may read the application."""
    if visible_application(id).select_columns(Application.id).row() is None:
        raise ApplicationNotFound


previewable = preview.previewable(bp)
if_unchanged = bp.if_match(ApplicationSchema, visible_application, Application.get_for_update)
if_parties_unchanged = bp.if_match(
    ApplicationSchema, visible_application, lambda id: lock_with_client(current_user, id)
)
