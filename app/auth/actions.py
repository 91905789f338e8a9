"""Sessions and their tokens, and the limit on failed log-ins.

A session is a row (``UserSession``) that its tokens name in ``sid``. Revoking it deletes the row,
so that each of its tokens is rejected from the next request on. A refresh token can be used once:
the row names the current one, and using an older one revokes the session, because it may be stolen.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import current_app
from flask_jwt_extended import create_access_token, create_refresh_token
from uuid_utils.compat import uuid7

from .. import clock
from ..database.base import db
from ..http import rate_limits
from ..http.authentication import TokenClaims
from ..users import passwords
from ..users.models import User, UserSession
from ..users.rules import normalize_email
from .rules import InvalidCredentials


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

    Failures count for the user and the client's ``address``. Raises InvalidCredentials, or
    RateLimited after too many of them. Passwords are checked one at a time in each process, so
    that Argon2 leaves threads to other requests.
    """
    id, password_hash = User.credentials(normalize_email(email)).row() or (None, None)
    # By id if the user exists: the e-mail can be changed between two attempts.
    key = f"{id or normalize_email(email)}/{address}"
    if password == passwords.PUBLISHED_PASSWORD and current_app.config["PRODUCTION"]:
        password_hash = None  # rejected like a wrong password, in the same time
    rate_limits.check("login", key)
    with passwords.hash_lock:
        # Counted before the password is verified, so that attempts in other processes cannot pass
        # the limit in the meantime.
        rate_limits.hit_or_raise("login", key)
        if not passwords.verify_password(password, password_hash):
            raise InvalidCredentials
        rate_limits.undo_hit("login", key)
    user = db.session.get(User, id, with_for_update=True)
    if user is None or user.disabled or user.password_hash != password_hash:
        rate_limits.hit_or_raise("login", key)
        raise InvalidCredentials
    if passwords.needs_rehash(user.password_hash):
        user.password_hash = passwords.hash_password(password)
    return user


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
