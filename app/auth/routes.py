"""Register, sign in, stay signed in, sign out."""

from flask import Response, jsonify
from flask_jwt_extended import get_csrf_token, set_access_cookies, unset_access_cookies

from ..database.base import db
from ..errors import AuthRequired, CsrfFailed, InvalidToken, ResourceExists, TokenRevoked
from ..http.authentication import Caller, Token, current_user, presented
from ..http.blueprint import Blueprint, no_content
from ..users import passwords
from ..users.models import SignIn, User
from ..users.schemas import UserSchema
from . import actions
from .rules import InvalidCredentials
from .schemas import (
    CredentialsSchema,
    NameChangeSchema,
    PasswordChangeSchema,
    RegistrationSchema,
    SignedInSchema,
    TokensSchema,
)

bp = Blueprint("auth", __name__, url_prefix="/api/auth", description=__doc__)


@bp.post("/register")
@bp.public
@bp.arguments(RegistrationSchema)
@bp.response(201, TokensSchema)
@bp.raises(ResourceExists)
def register(data):
    """Open an account, and be signed in"""
    user = User.with_password(**data)
    db.session.add(user)
    db.session.flush()
    tokens = actions.sign_in(user)
    db.session.commit()
    return tokens


@bp.post("/login")
@bp.public
@bp.arguments(CredentialsSchema)
@bp.response(200, SignedInSchema)
@bp.raises(InvalidCredentials)
def log_in(data):
    """Sign in, with an e-mail and a password"""
    user = actions.user_with(data["email"], data["password"])
    SignIn.forget_expired(user.id)
    tokens = actions.sign_in(user)
    db.session.commit()
    csrf_token = get_csrf_token(tokens["access_token"])
    response = jsonify(SignedInSchema().dump({**tokens, "csrf_token": csrf_token}))
    set_access_cookies(response, tokens["access_token"], max_age=tokens["expires_in"])
    return response


@bp.post("/refresh")
@bp.refreshing
@bp.response(200, TokensSchema)
def refresh_tokens(token):
    """Exchange a refresh token, sent as the bearer, for a new pair"""
    tokens = actions.refresh(current_user, token)
    db.session.commit()  # also where it was spent: then the sign-in is over
    if tokens is None:
        raise TokenRevoked
    return tokens


@bp.post("/logout")
@bp.public
@bp.response(204)
@bp.raises(InvalidToken, CsrfFailed)
def log_out():
    """End this sign-in, its refresh token included; an expired token will do"""
    token = _ending_token()
    if token:
        SignIn.end(token.sign_in_id)
    return _signed_out()


@bp.post("/logout-all")
@bp.public
@bp.response(204)
@bp.raises(InvalidToken, CsrfFailed)
def log_out_everywhere():
    """End all of one's sign-ins"""
    token = _ending_token()
    if token and Caller(token).sign_in.row():  # one that was ended already may not end others
        SignIn.end_all(token.user_id)
    return _signed_out()


@bp.get("/me")
@bp.signed_in
@bp.response(200, UserSchema)
def show_me():
    """The signed-in user"""
    return current_user


@bp.patch("/me")
@bp.signed_in
@bp.arguments(NameChangeSchema)
@bp.response(200, UserSchema)
def rename_me(data):
    """Change one's own name"""
    user = User.by_id(current_user.id)
    user.name = data["name"]
    db.session.commit()
    return user


@bp.post("/password")
@bp.signed_in
@bp.arguments(PasswordChangeSchema)
@bp.response(204)
@bp.raises(InvalidCredentials)
def change_password(data):
    """Change one's own password; every other sign-in ends"""
    user = actions.user_with(current_user.email, data["current_password"])
    user.password_hash = passwords.hash_password(data["new_password"])
    SignIn.end_all(user.id, but=current_user.sign_in_id)
    db.session.commit()


def _ending_token() -> Token | None:
    """The token of either type by which somebody signs out; None where they already have."""
    try:
        return presented("access", "refresh", expired=True)
    except AuthRequired:
        return None


def _signed_out() -> Response:
    """Commit, and take the cookies back."""
    db.session.commit()
    response = no_content()
    unset_access_cookies(response)
    return response
