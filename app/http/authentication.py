"""Authentication: the user of a request, and the roles that a view requires.

A request that writes is checked in the transaction of its effect, after its body has arrived: the
session's row is locked, so that it cannot be revoked, nor its user lose a role, before the commit.
Every change of rights deletes the session's row. A transaction that locks rows of users does so
before it locks a session (``locks_users``), or the two would deadlock.
"""

import time
from collections.abc import Callable, Collection
from datetime import datetime
from functools import wraps
from typing import Any, NamedTuple
from uuid import UUID

from flask import Flask, current_app, g, request
from werkzeug.local import LocalProxy

from ..database.base import db
from ..database.prepared import PreparedQuery
from ..errors import (
    DATABASE_UNAVAILABLE,
    USER_ID_KEY,
    ApiError,
    AuthRequired,
    EnrolmentRequired,
    Forbidden,
    TokenRevoked,
    accepted_locale,
)
from .tokens import SAFE_METHODS, TokenClaims, token_from_request

View = Callable[..., Any]
SessionQuery = Callable[[UUID, UUID], PreparedQuery]  # of a session id and a user id
UserLock = Callable[[Collection[UUID]], None]

ROLES = ("user", "officer", "admin")  # each includes the rights of the ones before it

current_user: Any = LocalProxy(lambda: g.authenticated_user)

# Sessions that were looked up and found revoked, each with the user that its token named, and until
# when (monotonic time) their requests are rejected without another look-up, before they count
# against that user's rate limit. Only for seconds: a lagging standby may not have the row yet.
REVOKED_CACHE_SIZE = 10_000
REVOKED_TTL = 5.0  # seconds
_revoked_sessions: dict[tuple[UUID, UUID], float] = {}


def forget_revoked_sessions() -> None:
    """Look up every session again, as after a reset of the data."""
    _revoked_sessions.clear()


class UserProfile(NamedTuple):
    """Columns of a user whose session is active."""

    name: str
    email: str
    role: str
    disabled: bool
    created_at: datetime
    updated_at: datetime
    locale: str
    time_zone: str | None
    second_factor: bool
    notifications: dict[str, bool]


class AuthenticatedUser:
    """The user of the current request.

    The id comes with the token, the profile with the session's row. Reading the profile verifies
    the session and raises TokenRevoked if it has been revoked. A view that needs only the id may
    leave the check to the statement that produces its response (``sql_json``).
    """

    def __init__(self, claims: TokenClaims, *, lock: bool = False) -> None:
        """Create the user of ``claims``; with ``lock``, verifying the session locks its row."""
        self.id = claims.user_id
        self.session_id = claims.session_id
        self.token_issued_at = claims.issued_at
        self.session_query = session_query(claims, lock=lock)
        self.session_verified = False
        self.locks_session = lock

    def raise_if_revoked(self, row: Any) -> Any:
        """Return ``row``, found by a statement that contains ``session_query``.

        None means that the session is revoked, and raises TokenRevoked. A pledge's statement also
        returns None if the project does not accept it; ``create_donation`` of waqf excludes that
        before.
        """
        if row is None:
            while len(_revoked_sessions) >= REVOKED_CACHE_SIZE:
                _revoked_sessions.pop(next(iter(_revoked_sessions)), None)
            _revoked_sessions[self.session_id, self.id] = time.monotonic() + REVOKED_TTL
            raise TokenRevoked
        self.session_verified = True
        return row

    def load_profile(self) -> UserProfile:
        if self.locks_session:
            db.session.connection()  # begins the transaction that the lock belongs to
        self.profile = UserProfile(*self.raise_if_revoked(self.session_query.row()))
        g.user_locale = self.profile.locale  # of an error, unless the client accepts another
        return self.profile

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__.get("profile") or self.load_profile(), name)


class Guest(NamedTuple):
    """A client without an account, whom the request names instead (``login_required``)."""

    idempotency_owner: str  # whose idempotency keys the request uses
    id: None = None
    session_query: None = None

    def load_profile(self) -> None:
        """Verify nothing: there is no session."""

    def raise_if_revoked(self, row: Any) -> Any:
        """Return ``row``."""
        return row


def load_locale() -> None:
    """Load the user's language for an error, if the request names none and it is not known yet."""
    user = g.get("authenticated_user")
    if user and not g.get("user_locale") and not accepted_locale():
        user.load_profile()


def init_app(app: Flask, query: SessionQuery, lock_query: SessionQuery, users: UserLock) -> None:
    """Register the queries for the UserProfile of an active session, and the lock of users.

    ``lock_query`` also locks the session's row; ``users`` locks the rows of users by their ids.
    """
    app.extensions["session_queries"] = query, lock_query
    app.extensions["user_lock"] = users


def session_query(claims: TokenClaims, *, lock: bool = False) -> PreparedQuery:
    """Return the query for the profile of the token's session, with ``lock`` locking its row."""
    query: SessionQuery = current_app.extensions["session_queries"][lock]
    return query(*claims.session_key)


def lock_users(*ids: UUID) -> None:
    """Lock the rows of users until the end of the transaction."""
    current_app.extensions["user_lock"](ids)


def authenticate(view: View) -> Any:
    """Return the request's AuthenticatedUser, or the error to reject it with; computed once.

    The session of a request that writes is verified later, when its body has arrived. For the
    methods in ``view.defers_session_check`` the view's own statement verifies it (``sql_json``).
    """
    if "authenticated_user" not in g:
        try:
            claims = token_from_request("access")
            if _revoked_sessions.get(claims.session_key, 0) > time.monotonic():
                raise TokenRevoked
            if current_app.config["STAFF_MFA"] and not hasattr(view, "allows_enrolment"):
                _require_second_factor_of_staff(claims)
            request.environ[USER_ID_KEY] = claims.user_id
            writes = request.method not in SAFE_METHODS
            g.authenticated_user = AuthenticatedUser(claims, lock=writes)
            if not writes and not defers_session_check(view):
                g.authenticated_user.load_profile()
        except (ApiError, *DATABASE_UNAVAILABLE) as error:
            g.authenticated_user = error
    return g.authenticated_user


def _require_second_factor_of_staff(claims: TokenClaims) -> None:
    """Raise EnrolmentRequired for staff without a second factor (STAFF_MFA)."""
    row = session_query(claims).row()
    if row is not None:
        profile = UserProfile(*row)
        if profile.role != ROLES[0] and not profile.second_factor:
            raise EnrolmentRequired


def defers_session_check(view: View) -> bool:
    """Return whether a statement of ``view`` itself verifies the session of this request."""
    return request.method in getattr(view, "defers_session_check", ())


def user_pending_session_check() -> AuthenticatedUser | None:
    """Return the current user if their session has not been verified yet."""
    user = g.get("authenticated_user")
    return user if isinstance(user, AuthenticatedUser) and not user.session_verified else None


def login_required(
    view: View, role: str = "user", find_guest: Callable[[], Guest] | None = None
) -> View:
    """Require a signed-in user with at least ``role``.

    With ``find_guest`` a request without a token is served for the Guest that it names;
    ``find_guest`` raises AuthRequired if it names none.
    """

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        user = authenticate(guarded)
        if isinstance(user, Exception):
            if find_guest is None or not isinstance(user, AuthRequired):
                raise user
            g.authenticated_user = find_guest()
            return view(*args, **kwargs)
        verifies = user.locks_session and not defers_session_check(guarded)
        fault = _verify_session_after_body(guarded, user) if verifies else None
        if role != ROLES[0] and ROLES.index(user.role) < ROLES.index(role):
            raise Forbidden
        if fault:
            raise fault
        try:
            response = view(*args, **kwargs)
        except ApiError:
            if not user.session_verified:
                user.load_profile()  # a revoked token is reported before any other error
            raise
        if not user.session_verified:
            raise RuntimeError(f"{view.__name__} responded without verifying the session")
        return response

    guarded.access = role  # type: ignore[attr-defined]
    return guarded


def _verify_session_after_body(view: Any, user: AuthenticatedUser) -> ApiError | None:
    """Read the request's body, then verify the session in the transaction of the view's effect.

    Return a fault of the body, which is reported after a revoked token or a missing role.
    """
    fault = None
    try:
        if hasattr(view, "read_body"):
            view.read_body()
    except ApiError as error:
        fault = error
    if hasattr(view, "ids_to_lock"):
        lock_users(user.id, *view.ids_to_lock())
    user.load_profile()
    return fault


def refresh_token_required(view: View) -> View:
    """Require a refresh token, sent as the bearer; the view receives its claims."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        claims = token_from_request("refresh", cookies=False)
        request.environ[USER_ID_KEY] = claims.user_id
        g.authenticated_user = AuthenticatedUser(claims)
        g.authenticated_user.load_profile()
        return view(claims, *args, **kwargs)

    guarded.access = "refresh"  # type: ignore[attr-defined]
    return guarded


def public(view: View) -> View:
    """Allow every client, signed in or not."""
    view.access = "public"  # type: ignore[attr-defined]
    return view
