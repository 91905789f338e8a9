"""Sessions and their tokens.

A session is a row (``UserSession``) that its tokens name in ``sid``. Revoking it deletes the row,
so that each of its tokens is rejected from the next request on. A refresh token can be used once:
the row names the current one, and using an older one revokes the session, because it may be stolen.

For some seconds an older one gets the same pair as before: the response may have been lost, or two
tabs refresh at once. Tokens are not stored for this. All that is random in a pair follows from the
refresh token's id, the signing key, and the time of issue in the session's row.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import current_app
from flask_jwt_extended import create_access_token, create_refresh_token
from uuid_utils.compat import uuid7

from ... import clock
from ...database.base import db
from ...http.encryption import keyed_hash
from ...http.tokens import TokenClaims
from ...notifications.actions import notify
from ...users.models import LOCK_MODE, User, UserSession
from ..models import KnownDevice
from ..rules import MAX_USER_AGENT, Client


def create_session(user: User, client: Client | None = None) -> dict[str, Any]:
    """Insert a session of ``user`` and return its tokens, as a TokenPairSchema has them."""
    client = client or Client()
    now = clock.now()
    session = UserSession(
        id=uuid7(),
        user_id=user.id,
        refresh_jti=str(uuid7()),
        expires_at=_refresh_expiry(),
        user_agent=client.user_agent[:MAX_USER_AGENT],
        address=client.address,
        created_at=now,
        last_used_at=now,
    )
    db.session.add(session)
    tokens = _create_tokens(user.id, session.id, session.refresh_jti, int(clock.timestamp()))
    return {**tokens, "user": user}


def record_device(user: User, client: Client, *, is_new_user: bool = False) -> None:
    """Remember where the user signs in from; notify them of a device that they never used."""
    digest = keyed_hash("devices", f"{user.id}|{client.device}").hex()
    if KnownDevice.record(user.id, digest) and not is_new_user:
        now = clock.now()
        facts = {
            "at": now.isoformat(),
            "userAgent": client.user_agent[:MAX_USER_AGENT],
            "address": client.address,
        }
        notify("new_sign_in", f"{user.id} {digest} {now.isoformat()}", user_id=user.id, facts=facts)


def rotate_tokens(user: Any, claims: TokenClaims) -> dict[str, Any] | None:
    """Replace a refresh token by a new pair; return the same pair again within seconds.

    If it was used before that, revoke its session and return None, for the caller to commit and
    raise TokenRevoked.
    """
    session = db.session.get(
        UserSession, claims.session_id, with_for_update=LOCK_MODE, populate_existing=True
    )
    if session is None:
        return None
    successor = session.rotate(claims.jti, str(uuid7()), int(clock.timestamp()))
    if successor is None:
        UserSession.revoke(claims.session_id)
        return None
    session.expires_at = _refresh_expiry()
    return {**_create_tokens(user.id, session.id, *successor), "user": user}


def _create_tokens(user_id: UUID, session_id: UUID, jti: str, issued_at: int) -> dict[str, Any]:
    """Create the session's pair of tokens, the same for the same arguments."""
    config = current_app.config
    access_ttl: timedelta = config["JWT_ACCESS_TOKEN_EXPIRES"]
    refresh_ttl: timedelta = config["JWT_REFRESH_TOKEN_EXPIRES"]

    def claims(jti: str, ttl: timedelta) -> dict[str, Any]:
        expires_at = issued_at + int(ttl.total_seconds())
        times = {"iat": issued_at, "nbf": issued_at, "exp": expires_at}
        return {"sid": str(session_id), "jti": jti, "csrf": _derive_id("csrf", jti), **times}

    access = claims(_derive_id("access", jti), access_ttl)
    refresh = claims(jti, refresh_ttl)
    return {
        "access_token": create_access_token(str(user_id), additional_claims=access),
        "refresh_token": create_refresh_token(str(user_id), additional_claims=refresh),
        "token_type": "Bearer",
        "expires_in": int(access_ttl.total_seconds()),
    }


def _derive_id(name: str, jti: str) -> str:
    return str(UUID(bytes=keyed_hash("tokens", f"{name} {jti}")[:16], version=4))


def _refresh_expiry() -> Any:
    return clock.now() + current_app.config["JWT_REFRESH_TOKEN_EXPIRES"]
