"""Who is calling, and whether they may. Every view says so with one of these, or a test fails.

Tokens are made by flask-jwt-extended and read here, with PyJWT: the library's own reading takes a
token without ``type`` or ``exp``, and checks a signature anew each time that a client uses it.
"""

import math
import time
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, wraps
from hmac import compare_digest
from typing import Any, NamedTuple
from uuid import UUID

import jwt
from flask import current_app, g, request
from werkzeug.local import LocalProxy

from ..errors import (
    UNAVAILABLE,
    ApiError,
    AuthRequired,
    CsrfFailed,
    Forbidden,
    InvalidToken,
    TokenExpired,
    TokenRevoked,
)

View = Callable[..., Any]

ROLES = ("user", "officer", "admin")  # each may do all that the ones before it may
COOKIE = "auth-token"  # holds an access token, for browsers
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

current_user: Any = LocalProxy(lambda: g.caller)

# Sign-ins that were found to be over, and stay so: nobody's limit is used up in their name.
OVER_KEPT = 10_000
_over: dict[UUID, None] = {}


class Token(NamedTuple):
    """What a token says; its signature is good, its time may be over."""

    user_id: UUID
    sign_in_id: UUID
    jti: str
    type: str  # access or refresh
    starts: float  # seconds since 1970, as are the next
    expires: float
    csrf: str


class Person(NamedTuple):
    """What is known of somebody whose sign-in holds."""

    name: str
    email: str
    role: str
    disabled: bool
    created_at: datetime
    updated_at: datetime


class Caller:
    """Who is calling: their id is in the token, the rest comes with the row of their sign-in.

    Whoever asks for the rest finds out whether the sign-in holds, and TokenRevoked where it does
    not. A view that needs the id alone may leave it to the statement that it answers with.
    """

    def __init__(self, token: Token) -> None:
        self.id = token.user_id
        self.sign_in_id = token.sign_in_id
        self.sign_in = current_app.config["SIGN_IN"](token.sign_in_id, token.user_id)
        self.holds = False

    def require(self, found: Any) -> Any:
        """What the query ``sign_in``, or one that it is part of, found: nothing is a refusal."""
        if found is None:
            while len(_over) >= OVER_KEPT:
                _over.pop(next(iter(_over)), None)
            _over[self.sign_in_id] = None
            raise TokenRevoked
        self.holds = True
        return found

    def look_up(self) -> Person:
        self.person = Person(*self.require(self.sign_in.row()))
        return self.person

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__.get("person") or self.look_up(), name)


# The signature and the form; what time changes is checked at each use.
TIMELESS: Any = {
    "require": ["sub", "type", "iat", "exp", "jti", "sid"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


@lru_cache(maxsize=4096)
def verified(encoded: str, keys: tuple[str, ...]) -> Token:
    """What ``encoded`` says, signed by one of ``keys``. Raises InvalidToken.

    Kept, because a client sends the same token again and again; a refusal is not.
    """
    for key in keys:
        try:
            claims = jwt.decode(encoded, key, ["HS256"], options=TIMELESS)
            return Token(
                user_id=UUID(claims["sub"]),
                sign_in_id=UUID(claims["sid"]),
                jti=claims["jti"],
                type=claims["type"],
                starts=max(finite(claims["iat"]), finite(claims.get("nbf", 0))),
                expires=finite(claims["exp"]),
                csrf=str(claims.get("csrf", "")),
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError):
            break
    raise InvalidToken


def finite(number: Any) -> float:
    """``number`` as a float; text and what has no end are no time."""
    if isinstance(number, str) or not math.isfinite(number):
        raise ValueError
    return float(number)


def presented(*types: str, expired: bool = False, cookies: bool = True) -> Token:
    """The token of this request, of one of ``types``, from its header or else its cookie.

    Raises AuthRequired, InvalidToken, CsrfFailed and, unless it may be ``expired``, TokenExpired.
    """
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    by_cookie = scheme.lower() != "bearer"
    if by_cookie:
        encoded = request.cookies.get(COOKIE, "") if cookies else ""
        if not encoded:
            raise AuthRequired
    token = verified(encoded.strip(), current_app.config["JWT_KEYS"])
    if by_cookie and request.method not in SAFE_METHODS:
        require_same_csrf(token)
    now = time.time()
    if token.type not in types or token.starts > now:
        raise InvalidToken
    if token.expires <= now and not expired:
        raise TokenExpired
    return token


def require_same_csrf(token: Token) -> None:
    """A page of another origin sends the cookie along, but cannot read what it says."""
    given = request.headers.get("X-CSRF-Token", "")
    if not token.csrf or not compare_digest(given.encode(), token.csrf.encode()):
        raise CsrfFailed


def identify(view: View) -> Any:
    """Who calls ``view``: a Caller, or the exception that says why it is nobody; found once.

    A view answers some methods (``asks_itself``) with nothing but one statement, which also finds
    out whether the sign-in holds (``answers.py``); before any other it is looked up here.
    """
    if "caller" not in g:
        try:
            token = presented("access")
            if token.sign_in_id in _over:
                raise TokenRevoked
            g.caller = Caller(token)
            if request.method not in getattr(view, "asks_itself", ()):
                g.caller.look_up()
        except (ApiError, *UNAVAILABLE) as error:
            g.caller = error
    return g.caller


def unchecked() -> Caller | None:
    """The caller, if it was not looked up yet whether their sign-in holds."""
    who = g.get("caller")
    return who if isinstance(who, Caller) and not who.holds else None


def caller(view: View | None) -> str:
    """Whom a limit counts against: the user where ``view`` asks who calls, else the address."""
    if view and view.access in ROLES and not isinstance(identify(view), Exception):  # type: ignore[attr-defined]
        return f"user:{g.caller.id}"
    return f"address:{request.remote_addr}"


def signed_in(view: View, role: str = "user") -> View:
    """Only for somebody signed in, with at least ``role``."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if isinstance(identify(guarded), Exception):
            raise g.caller
        if role != ROLES[0] and ROLES.index(g.caller.role) < ROLES.index(role):
            raise Forbidden
        try:
            answer = view(*args, **kwargs)
        except ApiError:
            if not g.caller.holds:
                g.caller.look_up()  # that nobody is signed in is said before what else is wrong
            raise
        if not g.caller.holds:
            raise RuntimeError(f"{view.__name__} answered somebody who was never looked up")
        return answer

    guarded.access = role  # type: ignore[attr-defined]
    return guarded


def refreshing(view: View) -> View:
    """Only for a refresh token, sent as the bearer; the view gets it."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        token = presented("refresh", cookies=False)
        g.caller = Caller(token)
        g.caller.look_up()
        return view(token, *args, **kwargs)

    guarded.access = "refresh"  # type: ignore[attr-defined]
    return guarded


def public(view: View) -> View:
    """For anybody, signed in or not."""
    view.access = "public"  # type: ignore[attr-defined]
    return view
