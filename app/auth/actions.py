"""Tokens: how they are made, read, rotated and refused; and how guessing is slowed down.

A sign-in is a row (``SignIn``); its tokens name it in ``sid``. Ending it deletes the row, so every
token of it is refused from the next request on. A refresh token serves once: the row names the one
that is still good, and showing an older one ends the sign-in, since a thief may hold either.
"""

import hashlib
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import current_app, request
from flask_jwt_extended import create_access_token, create_refresh_token
from flask_jwt_extended.exceptions import JWTDecodeError
from limits import parse
from uuid_utils.compat import uuid7

from .. import clock, passwords
from ..errors import RateLimited
from ..extensions import db, jwt, limiter
from ..users.models import SignIn, User
from ..users.rules import email_key
from .rules import LOGIN_FAILURES, InvalidCredentials

CLAIMS = {"sub", "type", "iat", "exp", "jti", "sid"}


def sign_in(user: User) -> dict[str, Any]:
    """Begin a sign-in of ``user``: what the client gets to keep."""
    begun = SignIn(id=uuid7(), user_id=user.id)
    tokens, begun.refresh_jti = _tokens(user.id, begun.id)
    begun.expires_at = _refresh_expiry()
    db.session.add(begun)
    return {**tokens, "user": user}


def refresh(user: Any, claims: dict[str, Any]) -> dict[str, Any] | None:
    """A new pair for ``user``'s refresh token, or None where it was spent: the sign-in is over."""
    sid = UUID(claims["sid"])
    tokens, successor = _tokens(user.id, sid)
    if SignIn.spend(sid, claims["jti"], successor, _refresh_expiry()):
        return {**tokens, "user": user}
    SignIn.end(sid)
    return None


def user_with(email: str, password: str) -> User:
    """The user whom ``email`` and ``password`` name. Raises InvalidCredentials or RateLimited."""
    limit, key = parse(LOGIN_FAILURES), (email_key(email), request.remote_addr or "")
    if not limiter.limiter.test(limit, "login", *key):
        reset_at = limiter.limiter.get_window_stats(limit, "login", *key).reset_time
        raise RateLimited(headers={"Retry-After": str(max(1, int(reset_at - time.time()) + 1))})
    user = User.by_email(email)
    right = passwords.matches(password, user.password_hash if user else None)
    if not user or not right or user.disabled:
        limiter.limiter.hit(limit, "login", *key)
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


def key_id(secret: str) -> str:
    """Names a signing key in a token's header without saying anything of it."""
    return hashlib.sha256(b"kid:" + secret.encode()).hexdigest()[:16]


@jwt.additional_headers_loader
def name_key(_: str) -> dict[str, str]:
    return {"kid": key_id(current_app.config["JWT_SECRET_KEY"])}


@jwt.decode_key_loader
def signing_key(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """The key that a token is to be checked with, while one key follows another.

    Also where a token's claims are seen before flask-jwt-extended fills in missing ones.
    """
    if not claims.keys() >= CLAIMS:
        raise JWTDecodeError("A claim is missing.")
    try:
        UUID(claims["sub"]), UUID(claims["sid"])
    except (ValueError, AttributeError, TypeError):
        raise JWTDecodeError("sub and sid are UUIDs.") from None
    previous: str = current_app.config["JWT_SECRET_KEY_PREVIOUS"]
    if previous and header.get("kid") == key_id(previous):
        return previous
    return current_app.config["JWT_SECRET_KEY"]


@jwt.user_lookup_loader
def user_of_token(_: dict[str, Any], claims: dict[str, Any]) -> Any:
    return SignIn.who(UUID(claims["sid"]), UUID(claims["sub"]))
