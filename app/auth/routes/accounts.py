"""Registration, log-in, tokens, log-out, and one's own profile and password."""

from flask import Response, jsonify, request
from flask_jwt_extended import get_csrf_token

from ...database.base import db
from ...errors import AuthRequired, CsrfFailed, InvalidToken, ResourceExists, TokenRevoked
from ...http import rate_limits
from ...http.authentication import current_user, lock_users, session_query
from ...http.responses import no_content
from ...http.tokens import (
    TokenClaims,
    set_session_cookies,
    token_from_request,
    unset_session_cookies,
)
from ...users import passwords
from ...users.models import User, UserSession, credentials_changed
from ...users.schemas import require_unlike_user
from ..actions import log_in as credentials
from ..actions import sessions
from ..rules import InvalidCredentials, SecondFactorRequired
from ..schemas import (
    LoginResponseSchema,
    LoginSchema,
    PasswordChangeSchema,
    ProfilePatchSchema,
    ProfileSchema,
    RegistrationSchema,
    TokenPairSchema,
)
from .blueprint import bp, request_client


@bp.post("/register")
@bp.public
@bp.arguments(RegistrationSchema)
@bp.response(201, TokenPairSchema)
@bp.raises(ResourceExists)
def register(data):
    """Register an account and sign in"""
    rate_limits.hit_or_raise("register", rate_limits.client_address(request.remote_addr))
    user = User.with_password(**data)
    db.session.add(user)
    db.session.flush()
    tokens = sessions.create_session(user, request_client())
    sessions.record_device(user, request_client(), is_new_user=True)
    db.session.commit()
    return tokens


@bp.post("/login")
@bp.public
@bp.arguments(LoginSchema)
@bp.response(200, LoginResponseSchema)
@bp.raises(InvalidCredentials, SecondFactorRequired)
def log_in(data):
    """Sign in with e-mail and password, and a code if the account has a second factor"""
    user = credentials.authenticate_password(data["email"], data["password"], request.remote_addr)
    credentials.require_second_factor(user, data.get("code"), request.remote_addr)
    UserSession.delete_expired(user.id)
    tokens = sessions.create_session(user, request_client())
    sessions.record_device(user, request_client())
    db.session.commit()
    return _login_response(tokens)


@bp.post("/refresh")
@bp.refresh_token_required
@bp.response(200, TokenPairSchema)
def refresh_tokens(claims):
    """Exchange a refresh token, sent as the bearer, for a new pair

    Sent again within 10 seconds it gets the same pair; later it ends the session.
    """
    tokens = sessions.rotate_tokens(current_user, claims)
    db.session.commit()  # commits the revocation if the token was used before
    if tokens is None:
        raise TokenRevoked
    return tokens


@bp.post("/logout")
@bp.ends_session
@bp.response(204)
@bp.raises(InvalidToken, CsrfFailed)
def log_out():
    """End this session; an expired token of it is accepted"""
    claims = _token_for_logout()
    if claims:
        UserSession.revoke(claims.session_id)
    return _logout_response()


@bp.post("/logout-all")
@bp.ends_session
@bp.response(204)
@bp.raises(InvalidToken, CsrfFailed)
def log_out_everywhere():
    """End all of your sessions"""
    claims = _token_for_logout()
    if claims:
        lock_users(claims.user_id)
        if session_query(claims).row():  # the token of a revoked session revokes no other
            UserSession.revoke_all(claims.user_id)
    return _logout_response()


@bp.get("/me")
@bp.login_required
@bp.allows_enrolment
@bp.response(200, ProfileSchema)
def show_me():
    """Get your own account"""
    return current_user


@bp.patch("/me")
@bp.login_required
@bp.locks_users()
@bp.arguments(ProfilePatchSchema)
@bp.response(200, ProfileSchema)
def update_me(data):
    """Change your name, language, time zone, or which mails you receive"""
    user = User.get_for_update(current_user.id)
    data["notifications"] = {**user.notifications, **data.get("notifications", {})}
    user.set_attributes(data)
    db.session.commit()
    return user


@bp.post("/password")
@bp.login_required
@bp.locks_users()
@bp.arguments(PasswordChangeSchema)
@bp.response(200, LoginResponseSchema)
@bp.alt_response(204, description="The password is changed; this session stays active.")
@bp.raises(InvalidCredentials)
def change_password(data):
    """Change your password; every other session ends, with rotate this one too"""
    rotate = data["rotate"]
    user = credentials.authenticate_password(
        current_user.email, data["current_password"], request.remote_addr
    )
    require_unlike_user("newPassword", data["new_password"], user)
    user.password_hash = passwords.hash_password(data["new_password"])
    credentials_changed(user, user.email)
    UserSession.revoke_all(user.id, except_id=None if rotate else current_user.session_id)
    tokens = sessions.create_session(user, request_client()) if rotate else None
    db.session.commit()
    return _login_response(tokens) if tokens else no_content()


def _login_response(tokens) -> Response:
    """Return new tokens, also as cookies."""
    csrf_token = get_csrf_token(tokens["access_token"])
    response = jsonify(LoginResponseSchema().dump({**tokens, "csrf_token": csrf_token}))
    set_session_cookies(response, tokens["access_token"], tokens["expires_in"])
    return response


def _token_for_logout() -> TokenClaims | None:
    """Decode this request's access or refresh token, expired or not; None if there is none."""
    try:
        return token_from_request("access", "refresh", allow_expired=True)
    except AuthRequired:
        return None


def _logout_response() -> Response:
    """Commit, and delete the cookies."""
    db.session.commit()
    response = no_content()
    unset_session_cookies(response)
    return response
