"""Where a change comes from: the current request, or the command that an operator has run."""

from typing import NamedTuple
from uuid import UUID

import click
from flask import current_app, g, has_request_context, request

from ..errors import REQUEST_ID_KEY
from ..http.authentication import ROLES, AuthenticatedUser
from ..http.tokens import SAFE_METHODS

STAFF = ROLES[1:]


class Origin(NamedTuple):
    """Who acts, and by which view or command."""

    action: str
    is_staff: bool  # an officer, an admin or an operator: changes of every audited model count
    is_staff_act: bool  # a write that only staff can make: leaves an event in any case
    subject_id: UUID | None = None  # in the path of the request
    actor_id: UUID | None = None
    actor_name: str | None = None
    request_id: str | None = None


JOB = Origin("job", is_staff=False, is_staff_act=False)


def current_origin() -> Origin:
    """Return where the changes of this moment come from; JOB outside of requests and commands."""
    if has_request_context():
        return _origin_of_request()
    context = click.get_current_context(silent=True)
    return JOB if context is None else Origin(_command(context), is_staff=True, is_staff_act=True)


def _origin_of_request() -> Origin:
    """Return the origin; a user whose profile this request has not needed is not looked up."""
    user = g.get("authenticated_user")
    is_known = isinstance(user, AuthenticatedUser)
    profile = vars(user).get("profile") if is_known else None
    staff = profile if profile and profile.role in STAFF else None
    view = current_app.view_functions[request.endpoint] if request.endpoint else None
    return Origin(
        action=(request.endpoint or "").rpartition(".")[2],
        is_staff=staff is not None,
        is_staff_act=request.method not in SAFE_METHODS and getattr(view, "access", "") in STAFF,
        subject_id=(request.view_args or {}).get("id"),
        actor_id=user.id if is_known else None,
        # A user who leaves takes their name with them; that of staff stays with what they did.
        actor_name=staff.name if staff else None,
        request_id=request.environ.get(REQUEST_ID_KEY),
    )


def _command(context: click.Context) -> str:
    """Return the command as it was typed, without ``flask`` and options: ``users create``."""
    names = []
    while context.parent is not None:
        names.append(context.info_name or "")
        context = context.parent
    return " ".join(reversed(names))
