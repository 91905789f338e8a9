"""The user's sessions, and when they were last used."""

from uuid import UUID

import psycopg
from flask import Response, g
from sqlalchemy.exc import SQLAlchemyError

from ... import clock
from ...database.base import db
from ...http.authentication import AuthenticatedUser, current_user
from ...http.responses import no_content
from ...users.models import TOUCH_INTERVAL, UserSession
from ..rules import SessionNotFound
from ..schemas import SessionSchema
from .blueprint import bp

# When this process last stored that a session is in use (Unix time).
MAX_TOUCHED = 10_000
_touched: dict[UUID, float] = {}


def forget_touched_sessions() -> None:
    """Store again that a session is in use, as after a reset of the data."""
    _touched.clear()


@bp.get("/sessions")
@bp.login_required
@bp.paginated(SessionSchema, "createdAt")
def list_sessions():
    """List your own active sessions, newest first"""
    return UserSession.for_user(current_user.id, current_user.session_id, clock.now())


@bp.delete("/sessions/<uuid:id>")
@bp.login_required
@bp.locks_users()
@bp.response(204)
@bp.raises(SessionNotFound)
def end_session(id):
    """End one of your own sessions; its tokens are rejected from the next request on"""
    if not UserSession.revoke_own(id, current_user.id):
        raise SessionNotFound
    db.session.commit()
    return no_content()


@bp.after_app_request
def touch_session(response: Response) -> Response:
    """Store that the session of this request is in use, at most once in TOUCH_INTERVAL.

    A token that was issued within it says so itself. A failure is no reason to fail the request.
    """
    user = g.get("authenticated_user")
    if not isinstance(user, AuthenticatedUser) or not user.session_verified:
        return response
    now, interval = clock.timestamp(), TOUCH_INTERVAL.total_seconds()
    is_recent = now - user.token_issued_at < interval
    if is_recent or now - _touched.get(user.session_id, -interval) < interval:
        return response
    while len(_touched) >= MAX_TOUCHED:
        _touched.pop(next(iter(_touched)), None)
    _touched[user.session_id] = now
    try:
        with db.engine.connect() as connection:
            connection.execute(UserSession.touch(user.session_id))
            connection.commit()
    except (SQLAlchemyError, psycopg.Error):
        _touched.pop(user.session_id, None)
    return response
