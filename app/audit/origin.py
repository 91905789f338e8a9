"""Where a change comes from: the current request, or the command that an operator has run."""

from typing import NamedTuple
from uuid import UUID

import click
from flask import current_app, g, has_request_context, request

from ..errors import REQUEST_ID_KEY
from ..http.authentication import ROLES, AuthenticatedUser, UserProfile
from ..http.tokens import SAFE_METHODS

STAFF = ROLES[1:]


class Origin(NamedTuple):
    """Who acts, and by which view or command."""

    action: str
    is_staff: bool  # an officer, an admin or an operator
    subject_id: UUID | None = None  # in the path of the request
    actor_id: UUID | None = None
    actor_name: str | None = None
    request_id: str | None = None


JOB = Origin("job", is_staff=False)


def current_origin() -> Origin:
    """Return where the changes of this moment come from; JOB outside of requests and commands."""
    if has_request_context():
        return _origin_of_request()
    context = click.get_current_context(silent=True)
    return JOB if context is None else Origin(_command(context), is_staff=True)


def is_act_of_staff() -> bool:
    """Return whether this is a command, or a request to write what only staff can write."""
    if not has_request_context():
        return click.get_current_context(silent=True) is not None
    if _staff_profile() is None or request.method in SAFE_METHODS or request.endpoint is None:
        return False
    if g.get("is_replayed"):
        return False  # it changes nothing
    return getattr(current_app.view_functions[request.endpoint], "access", None) in STAFF


def _staff_profile() -> UserProfile | None:
    """Return the profile of a current user who is staff.

    One that this request has not needed is not looked up: every view of staff needs it.
    """
    user = g.get("authenticated_user")
    profile = vars(user).get("profile") if isinstance(user, AuthenticatedUser) else None
    return profile if profile and profile.role in STAFF else None


def _origin_of_request() -> Origin:
    user, staff = g.get("authenticated_user"), _staff_profile()
    return Origin(
        action=(request.endpoint or "").rpartition(".")[2],
        is_staff=staff is not None,
        subject_id=(request.view_args or {}).get("id"),
        actor_id=user.id if isinstance(user, AuthenticatedUser) else None,
        # A user who leaves takes their name with them; that of staff stays with what they did.
        actor_name=staff.name if staff else None,
        request_id=request.environ.get(REQUEST_ID_KEY),
    )


def _command(context: click.Context) -> str:
    """Return the command as it was typed, without ``flask`` and options: ``jobs run prune``.

    An option may be a secret or personal data; an argument is part of what is done.
    """
    arguments = [p.name or "" for p in context.command.params if isinstance(p, click.Argument)]
    values = [context.params.get(name) for name in reversed(arguments)]
    names = [str(value) for value in values if value is not None]
    while context.parent is not None:
        names.append(context.info_name or "")
        context = context.parent
    return " ".join(reversed(names))
