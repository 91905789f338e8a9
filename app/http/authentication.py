"""Authentication: the token of a request, its user, and the roles that a view requires.

flask-jwt-extended creates and decodes the tokens. Decoded tokens are cached, and their claims are
checked more strictly than by the library, which accepts a token without ``type`` or ``exp``.
"""

import math
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache, wraps
from hmac import compare_digest
from typing import Any, NamedTuple
from uuid import UUID

import flask_jwt_extended
from flask import Flask, current_app, g, request
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import InvalidSignatureError, PyJWTError
from werkzeug.local import LocalProxy

from ..database.prepared import PreparedQuery
from ..errors import (
    DATABASE_UNAVAILABLE,
    ApiError,
    AuthRequired,
    CsrfFailed,
    Forbidden,
    InvalidToken,
    TokenExpired,
    TokenRevoked,
)
from ..extensions import jwt

View = Callable[..., Any]
SessionQuery = Callable[[UUID, UUID], PreparedQuery]  # of a session id and a user id

ROLES = ("user", "officer", "admin")  # each includes the rights of the ones before it
COOKIE = "auth-token"  # holds an access token, for browsers
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
REQUIRED_CLAIMS = {"sub", "type", "iat", "exp", "jti", "sid"}
MALFORMED_CLAIM = (ValueError, TypeError, AttributeError, OverflowError)

_decode_key: ContextVar[str] = ContextVar("decode_key", default="")

current_user: Any = LocalProxy(lambda: g.authenticated_user)

# Sessions that were looked up and found revoked, each with the user that its token named. Their
# requests are rejected before they count against that user's rate limit.
REVOKED_CACHE_SIZE = 10_000
_revoked_sessions: dict[tuple[UUID, UUID], None] = {}


class TokenClaims(NamedTuple):
    """Claims of a token with a valid signature; it may have expired."""

    user_id: UUID
    session_id: UUID
    jti: str
    type: str  # access or refresh
    expires_at: float  # Unix time in seconds
    csrf: str

    @property
    def session_key(self) -> tuple[UUID, UUID]:
        return self.session_id, self.user_id


class UserProfile(NamedTuple):
    """Columns of a user whose session is active."""

    name: str
    email: str
    role: str
    disabled: bool
    created_at: datetime
    updated_at: datetime


class AuthenticatedUser:
    """The user of the current request.

    The id comes with the token, the profile with the session's row. Reading the profile verifies
    the session and raises TokenRevoked if it has been revoked. A view that needs only the id may
    leave the check to the statement that produces its response (``sql_json``).
    """

    def __init__(self, claims: TokenClaims) -> None:
        self.id = claims.user_id
        self.session_id = claims.session_id
        self.session_query = session_query(claims)
        self.session_verified = False

    def raise_if_revoked(self, row: Any) -> Any:
        """Return ``row``, found by a statement that contains ``session_query``.

        None means that the session is revoked, and raises TokenRevoked. A pledge's statement also
        returns None if the project does not accept it; ``create_donation`` of waqf excludes that
        before.
        """
        if row is None:
            while len(_revoked_sessions) >= REVOKED_CACHE_SIZE:
                _revoked_sessions.pop(next(iter(_revoked_sessions)), None)
            _revoked_sessions[self.session_id, self.id] = None
            raise TokenRevoked
        self.session_verified = True
        return row

    def load_profile(self) -> UserProfile:
        self.profile = UserProfile(*self.raise_if_revoked(self.session_query.row()))
        return self.profile

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__.get("profile") or self.load_profile(), name)


def init_app(app: Flask, query: SessionQuery) -> None:
    """Register ``query``, which finds the UserProfile of an active session."""
    app.extensions["session_query"] = query


def session_query(claims: TokenClaims) -> PreparedQuery:
    """Return the query for the profile of the token's session."""
    query: SessionQuery = current_app.extensions["session_query"]
    return query(*claims.session_key)


@jwt.decode_key_loader
def select_decode_key(header: Any, claims: Mapping[str, Any]) -> str:
    """Return the key that ``decode_token`` tries, else the current one. Raises InvalidToken.

    flask-jwt-extended calls it for each decoding. It would add a missing ``type`` or ``jti``,
    and accept a token without ``exp``.
    """
    if not claims.keys() >= REQUIRED_CLAIMS:
        raise InvalidToken
    return _decode_key.get() or str(current_app.config["JWT_SECRET_KEY"])


@lru_cache(maxsize=4096)
def decode_token(encoded: str, keys: tuple[str, ...]) -> TokenClaims:
    """Decode a token signed with one of ``keys``; it may have expired. Raises InvalidToken.

    Cached, because a client sends the same token with every request; failures are not cached.
    """
    for key in keys:
        previous = _decode_key.set(key)
        try:
            claims = flask_jwt_extended.decode_token(encoded, allow_expired=True)
            return TokenClaims(
                user_id=UUID(claims["sub"]),
                session_id=UUID(claims["sid"]),
                jti=claims["jti"],
                type=claims["type"],
                expires_at=_timestamp(claims["exp"]),
                csrf=str(claims.get("csrf", "")),
            )
        except InvalidSignatureError:
            continue
        except (PyJWTError, JWTExtendedException, *MALFORMED_CLAIM):
            break
        finally:
            _decode_key.reset(previous)
    raise InvalidToken


def _timestamp(number: Any) -> float:
    """Return ``number`` as a float. Raises ValueError for text, NaN and infinity."""
    if isinstance(number, str) or not math.isfinite(number):
        raise ValueError
    return float(number)


def token_from_request(
    *types: str, allow_expired: bool = False, cookies: bool = True
) -> TokenClaims:
    """Decode this request's token of one of ``types``, from the header or else the cookie.

    Raises AuthRequired, InvalidToken, CsrfFailed and, unless ``allow_expired``, TokenExpired.
    """
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    from_cookie = scheme.lower() != "bearer"
    if from_cookie:
        encoded = request.cookies.get(COOKIE, "") if cookies else ""
        if not encoded:
            raise AuthRequired
    claims = decode_token(encoded.strip(), current_app.config["JWT_KEYS"])
    if from_cookie and request.method not in SAFE_METHODS:
        verify_csrf(claims)
    if claims.type not in types:
        raise InvalidToken
    if claims.expires_at <= time.time() and not allow_expired:
        raise TokenExpired
    return claims


def verify_csrf(claims: TokenClaims) -> None:
    """Compare X-CSRF-Token with the token's claim. Raises CsrfFailed.

    A page of another origin can send the cookie but cannot read the value.
    """
    header = request.headers.get("X-CSRF-Token", "")
    if not claims.csrf or not compare_digest(header.encode(), claims.csrf.encode()):
        raise CsrfFailed


def authenticate(view: View) -> Any:
    """Return the request's AuthenticatedUser, or the error to reject it with; computed once.

    For the methods in ``view.defers_session_check`` the view's own statement verifies the session
    (``sql_json``); for all others it is verified here.
    """
    if "authenticated_user" not in g:
        try:
            claims = token_from_request("access")
            if claims.session_key in _revoked_sessions:
                raise TokenRevoked
            g.authenticated_user = AuthenticatedUser(claims)
            if request.method not in getattr(view, "defers_session_check", ()):
                g.authenticated_user.load_profile()
        except (ApiError, *DATABASE_UNAVAILABLE) as error:
            g.authenticated_user = error
    return g.authenticated_user


def user_pending_session_check() -> AuthenticatedUser | None:
    """Return the current user if their session has not been verified yet."""
    user = g.get("authenticated_user")
    return user if isinstance(user, AuthenticatedUser) and not user.session_verified else None


def login_required(view: View, role: str = "user") -> View:
    """Require a signed-in user with at least ``role``."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        user = authenticate(guarded)
        if isinstance(user, Exception):
            raise user
        if role != ROLES[0] and ROLES.index(user.role) < ROLES.index(role):
            raise Forbidden
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


def refresh_token_required(view: View) -> View:
    """Require a refresh token, sent as the bearer; the view receives its claims."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        claims = token_from_request("refresh", cookies=False)
        g.authenticated_user = AuthenticatedUser(claims)
        g.authenticated_user.load_profile()
        return view(claims, *args, **kwargs)

    guarded.access = "refresh"  # type: ignore[attr-defined]
    return guarded


def public(view: View) -> View:
    """Allow every client, signed in or not."""
    view.access = "public"  # type: ignore[attr-defined]
    return view
