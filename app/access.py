"""Who is calling, and whether they may. Every view says so with one of these, or a test fails."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g, request
from flask_jwt_extended import get_current_user, get_jwt, verify_jwt_in_request
from flask_jwt_extended.exceptions import (
    CSRFError,
    JWTExtendedException,
    NoAuthorizationError,
    UserLookupError,
)
from jwt.exceptions import ExpiredSignatureError, PyJWTError
from werkzeug.local import LocalProxy

from .errors import (
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

current_user: Any = LocalProxy(lambda: g.caller)


def refusal(error: Exception) -> ApiError:
    """What the client hears of a token that flask-jwt-extended or PyJWT would not take."""
    reasons: list[tuple[type[Exception], type[ApiError]]] = [
        (NoAuthorizationError, AuthRequired),
        (CSRFError, CsrfFailed),
        (UserLookupError, TokenRevoked),
        (ExpiredSignatureError, TokenExpired),
    ]
    return next((ours for theirs, ours in reasons if isinstance(error, theirs)), InvalidToken)()


def identify() -> None:
    """Find out, once a request, who is calling: a user, or the refusal that they earned."""
    if "caller" not in g:
        g.caller = _whose_token()


def _whose_token(**kwargs: Any) -> Any:
    """The user whose token the request has, or the refusal that it earned."""
    try:
        verify_jwt_in_request(**kwargs)
        return get_current_user()
    except (JWTExtendedException, PyJWTError) as error:
        return refusal(error)


def caller() -> str:
    """Whom a limit counts against: the user where one is known, else the address."""
    identify()
    if isinstance(g.caller, ApiError):
        return f"address:{request.remote_addr}"
    return f"user:{g.caller.id}"


def signed_in(view: View, role: str = "user") -> View:
    """Only for somebody signed in, with at least ``role``."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        identify()
        if isinstance(g.caller, ApiError):
            raise g.caller
        if ROLES.index(g.caller.role) < ROLES.index(role):
            raise Forbidden
        return view(*args, **kwargs)

    guarded.access = role  # type: ignore[attr-defined]
    return guarded


def refreshing(view: View) -> View:
    """Only for a refresh token, sent as the bearer."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.caller = _whose_token(refresh=True, locations="headers")
        if isinstance(g.caller, ApiError):
            raise g.caller
        return view(*args, **kwargs)

    guarded.access = "refresh"  # type: ignore[attr-defined]
    return guarded


def public(view: View) -> View:
    """For anybody, signed in or not."""
    view.access = "public"  # type: ignore[attr-defined]
    return view


def ending() -> dict[str, Any] | None:
    """The claims of the token, of either type, by which somebody signs out.

    None where there is no token, or its sign-in is over already: then there is nothing left to do.
    An expired one will do: its sign-in may live on in a refresh token.
    """
    try:
        verify_jwt_in_request(optional=True, verify_type=False)
        return get_jwt() or None
    except UserLookupError:
        return None
    except ExpiredSignatureError as error:
        return error.jwt_data  # type: ignore[attr-defined]
    except (JWTExtendedException, PyJWTError) as error:
        raise refusal(error) from None
