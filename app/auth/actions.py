"""Sessions and their tokens, and the limit on failed log-ins.

A session is a row (``UserSession``) that its tokens name in ``sid``. Revoking it deletes the row,
so that each of its tokens is rejected from the next request on. A refresh token can be used once:
the row names the current one, and using an older one revokes the session, because it may be stolen.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import current_app
from flask_jwt_extended import create_access_token, create_refresh_token
from uuid_utils.compat import uuid7

from .. import clock
from ..database.base import db
from ..http import rate_limits
from ..http.tokens import TokenClaims
from ..users import passwords
from ..users.models import LOCK_MODE, User, UserSession
from ..users.rules import normalize_email
from .rules import InvalidCredentials, refusing_window

log = logging.getLogger(__name__)


def create_session(user: User) -> dict[str, Any]:
    """Insert a session of ``user`` and return its tokens, as a TokenPairSchema has them."""
    session = UserSession(id=uuid7(), user_id=user.id)
    tokens, session.refresh_jti = _create_tokens(user.id, session.id)
    session.expires_at = _refresh_expiry()
    db.session.add(session)
    return {**tokens, "user": user}


def rotate_tokens(user: Any, claims: TokenClaims) -> dict[str, Any] | None:
    """Replace a refresh token by a new pair; if it was used before, revoke its session.

    Return None in that case, for the caller to commit and raise TokenRevoked.
    """
    tokens, new_jti = _create_tokens(user.id, claims.session_id)
    if UserSession.rotate_refresh_token(claims.session_id, claims.jti, new_jti, _refresh_expiry()):
        return {**tokens, "user": user}
    UserSession.revoke(claims.session_id)
    return None


def authenticate_password(email: str, password: str, address: str | None) -> User:
    """Return the user with this e-mail and password, and lock their row.

    Failures count for the user at the client's ``address``, for the address, and for the service.
    Raises InvalidCredentials, or RateLimited after too many of them. Passwords are checked one at a
    time in each process, so that Argon2 leaves threads to other requests.
    """
    id, password_hash = User.credentials(normalize_email(email)).row() or (None, None)
    # By id if the user exists: the e-mail can be changed between two attempts.
    keys = _failure_keys(str(id or normalize_email(email)), address)
    if password == passwords.PUBLISHED_PASSWORD and current_app.config["PRODUCTION"]:
        password_hash = None  # rejected like a wrong password, in the same time
    _raise_if_refused(
        {
            name: window._replace(hits=window.hits + 1)  # as if this attempt were counted
            for name, window in rate_limits.hit(keys, amount=0).items()
        }
    )
    with passwords.hash_lock:
        # Counted before the password is verified, so that attempts in other processes cannot pass
        # the limits in the meantime.
        _count_failure(keys)
        if not passwords.verify_password(password, password_hash):
            raise InvalidCredentials
        rate_limits.hit(keys, amount=-1)
    user = db.session.get(User, id, with_for_update=LOCK_MODE, populate_existing=True)
    if user is None or user.disabled or user.password_hash != password_hash:
        _count_failure(keys)
        raise InvalidCredentials
    if passwords.needs_rehash(user.password_hash):
        # A statement of its own: to the audit a change of the attribute is one of the password.
        new_hash = passwords.hash_password(password)
        db.session.execute(db.update(User).where(User.id == user.id).values(password_hash=new_hash))
    return user


def _failure_keys(account: str, address: str | None) -> dict[str, str]:
    """Return what a failed log-in counts for, by limit; the narrowest first."""
    client = rate_limits.client_address(address)
    return {"login": f"{account}/{client}", "login_address": client, "login_service": ""}


def _count_failure(keys: Mapping[str, str]) -> None:
    """Count a log-in as failed. Raises RateLimited if it must not be tried."""
    windows = rate_limits.hit(keys)
    service = windows.get("login_service")
    if service and service.remaining == -1:
        log.warning("more failed log-ins than %s: addresses with one are refused", service.limit)
    _raise_if_refused(windows)


def _raise_if_refused(windows: Mapping[str, rate_limits.Window]) -> None:
    window = refusing_window(windows)
    if window:
        raise window.to_error()


def _create_tokens(user_id: UUID, session_id: UUID) -> tuple[dict[str, Any], str]:
    """Create the session's pair of tokens; return it with the refresh token's id."""
    jti, claims = str(uuid7()), {"sid": str(session_id)}
    access = create_access_token(str(user_id), additional_claims=claims)
    refresh = create_refresh_token(str(user_id), additional_claims={**claims, "jti": jti})
    expires: timedelta = current_app.config["JWT_ACCESS_TOKEN_EXPIRES"]
    return {
        "access_token": access,
        "refresh_token": refresh,
        "token_type": "Bearer",
        "expires_in": int(expires.total_seconds()),
    }, jti


def _refresh_expiry() -> Any:
    return clock.now() + current_app.config["JWT_REFRESH_TOKEN_EXPIRES"]
