"""Tokens: how they are made, read, rotated and refused; and how guessing is slowed down.

A sign-in is a row (``SignIn``); its tokens name it in ``sid``. Ending it deletes the row, so every
token of it is refused from the next request on. A refresh token serves once: the row names the one
that is still good, and showing an older one ends the sign-in, since a thief may hold either.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import current_app, request
from flask_jwt_extended import create_access_token, create_refresh_token
from uuid_utils.compat import uuid7

from .. import clock
from ..database.base import db
from ..http import rate_limits
from ..http.authentication import Token
from ..users import passwords
from ..users.models import SignIn, User
from ..users.rules import email_key
from .rules import InvalidCredentials


def sign_in(user: User) -> dict[str, Any]:
    """Begin a sign-in of ``user``: what the client gets to keep."""
    begun = SignIn(id=uuid7(), user_id=user.id)
    tokens, begun.refresh_jti = _tokens(user.id, begun.id)
    begun.expires_at = _refresh_expiry()
    db.session.add(begun)
    return {**tokens, "user": user}


def refresh(user: Any, token: Token) -> dict[str, Any] | None:
    """A new pair for ``user``'s refresh token, or None where it was spent: the sign-in is over."""
    tokens, successor = _tokens(user.id, token.sign_in_id)
    if SignIn.spend(token.sign_in_id, token.jti, successor, _refresh_expiry()):
        return {**tokens, "user": user}
    SignIn.end(token.sign_in_id)
    return None


def user_with(email: str, password: str) -> User:
    """The user whom ``email`` and ``password`` name, their row locked.

    Raises InvalidCredentials, or RateLimited after too many failures. One at a time: guesses that
    come all at once are counted like any others, and Argon2 leaves threads to other requests.
    """
    id, password_hash = User.credentials(email_key(email)).row() or (None, None)
    # By who it is, where that is known: their e-mail can be changed between guesses.
    guesses = f"{id or email_key(email)}/{request.remote_addr}"
    rate_limits.require_below("login", guesses)
    with passwords.one_at_a_time:
        rate_limits.require_below("login", guesses)
        if not passwords.matches(password, password_hash):
            rate_limits.count("login", guesses)
            raise InvalidCredentials
    user = db.session.get(User, id, with_for_update=True)
    if user is None or user.disabled or user.password_hash != password_hash:
        rate_limits.count("login", guesses)  # what was true when it was asked is so no longer
        raise InvalidCredentials
    if passwords.outdated(user.password_hash):
        user.password_hash = passwords.hash_password(password)
    return user


def _tokens(user_id: UUID, sid: UUID) -> tuple[dict[str, Any], str]:
    """A pair of tokens of the sign-in ``sid``, and the refresh token's id."""
    jti, claims = str(uuid7()), {"sid": str(sid)}
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
