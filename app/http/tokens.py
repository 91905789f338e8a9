"""The token of a request: found in the header or the cookie, decoded, its claims checked.

flask-jwt-extended creates and decodes the tokens. Decoded tokens are cached, and their claims are
checked more strictly than by the library, which accepts a token without ``type`` or ``exp``.
"""

import math
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from hmac import compare_digest
from typing import Any, NamedTuple
from uuid import UUID

import flask_jwt_extended
from flask import Response, current_app, request
from flask_jwt_extended import set_access_cookies, unset_access_cookies
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import InvalidSignatureError, PyJWTError

from .. import clock
from ..errors import AuthRequired, CsrfFailed, InvalidToken, TokenExpired
from ..extensions import jwt

CSRF_HEADER = "X-CSRF-Token"
COOKIE = "auth-token"  # holds an access token, for browsers
# The same in production. A page of a sibling host can set a cookie of the first name for this
# host too, but browsers accept this prefix from this host only (RFC 6265bis, 4.1.3.2).
HOST_COOKIE = "__Host-auth-token"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
REQUIRED_CLAIMS = {"sub", "type", "iat", "exp", "jti", "sid"}
LEEWAY = 30  # seconds that the clocks of two servers may differ
MALFORMED_CLAIM = (ValueError, TypeError, AttributeError, OverflowError)

_decode_key: ContextVar[str] = ContextVar("decode_key", default="")


class TokenClaims(NamedTuple):
    """Claims of a token with a valid signature; it may have expired."""

    user_id: UUID
    session_id: UUID
    jti: str
    type: str  # access or refresh
    expires_at: float  # Unix time in seconds
    csrf: str
    issued_at: float  # Unix time in seconds
    not_before: float  # Unix time in seconds

    @property
    def session_key(self) -> tuple[UUID, UUID]:
        return self.session_id, self.user_id


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
    """Decode a token signed with one of ``keys``; its times are not checked. Raises InvalidToken.

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
                issued_at=_timestamp(claims["iat"]),
                not_before=_timestamp(claims.get("nbf", claims["iat"])),
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


def has_credentials() -> bool:
    """Return whether the request comes with a token, valid or not."""
    return "Authorization" in request.headers or bool({HOST_COOKIE, COOKIE} & {*request.cookies})


def token_from_request(
    *types: str, allow_expired: bool = False, cookies: bool = True
) -> TokenClaims:
    """Decode this request's token of one of ``types``, from the header or else the cookie.

    Raises AuthRequired, InvalidToken, CsrfFailed and, unless ``allow_expired``, TokenExpired.
    """
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    from_cookie = scheme.lower() != "bearer"
    if from_cookie:
        encoded = _token_from_cookie() if cookies else ""
        if not encoded:
            raise AuthRequired
    claims = decode_token(encoded.strip(), current_app.config["JWT_KEYS"])
    if from_cookie and request.method not in SAFE_METHODS:
        verify_csrf(claims)
    if claims.type not in types:
        raise InvalidToken
    now = clock.timestamp()
    if max(claims.issued_at, claims.not_before) > now + LEEWAY:
        raise InvalidToken
    if claims.expires_at + LEEWAY <= now and not allow_expired:
        raise TokenExpired
    return claims


def _token_from_cookie() -> str:
    """Return the token in the cookie, or an empty text. Raises InvalidToken if there are two.

    A browser sends two cookies of one name if another host or path has set one: which of them is
    the user's cannot be known.
    """
    for name in (HOST_COOKIE, COOKIE):
        values = request.cookies.getlist(name)
        if len(values) > 1:
            raise InvalidToken
        if values and values[0]:
            return values[0]
    return ""


def set_session_cookies(response: Response, token: str, max_age: int) -> None:
    """Send the access token and its CSRF value as cookies that browsers keep for ``max_age`` s."""
    set_access_cookies(response, token, max_age=max_age)
    if current_app.config["PRODUCTION"]:
        response.set_cookie(HOST_COOKIE, token, max_age, secure=True, httponly=True, samesite="Lax")


def unset_session_cookies(response: Response) -> None:
    """Delete the cookies."""
    unset_access_cookies(response)
    if current_app.config["PRODUCTION"]:
        response.delete_cookie(HOST_COOKIE, secure=True, httponly=True, samesite="Lax")


def verify_csrf(claims: TokenClaims) -> None:
    """Compare X-CSRF-Token with the token's claim. Raises CsrfFailed.

    A page of another origin can send the cookie but cannot read the value.
    """
    header = request.headers.get(CSRF_HEADER, "")
    if not claims.csrf or not compare_digest(header.encode(), claims.csrf.encode()):
        raise CsrfFailed
