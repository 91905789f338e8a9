"""Ways back into an account, and to another e-mail."""

from flask import Response, request

from ...audit.actions import record
from ...database.base import db
from ...errors import ResourceExists, ValidationFailed
from ...http import rate_limits
from ...http.authentication import current_user
from ...http.responses import no_content
from ...users.models import User
from ...users.routes import bp as users_bp
from ...users.routes import ids_in_request
from ...users.rules import UserNotFound
from ...users.schemas import UserSchema
from ..actions import log_in, recovery
from ..rules import InvalidCredentials, InvalidResetToken
from ..schemas import (
    EmailChangeSchema,
    EmailConfirmationSchema,
    ForgottenPasswordSchema,
    PasswordResetSchema,
    ResetLinkSchema,
)
from .blueprint import bp


@bp.post("/password/forgot")
@bp.public
@bp.arguments(ForgottenPasswordSchema)
@bp.response(202)
def request_password_reset(data):
    """Send a link that resets the password, if the e-mail has an account; the response is equal"""
    _limit_by_address()
    recovery.request_password_reset(data["email"])
    db.session.commit()
    return Response(status=202)


@bp.post("/password/reset")
@bp.public
@bp.arguments(PasswordResetSchema)
@bp.response(204)
@bp.raises(InvalidResetToken, ValidationFailed)
def reset_password(data):
    """Set a new password with the token of a link; every session ends"""
    recovery.reset_password(data["token"], data["new_password"])
    db.session.commit()
    return no_content()


@bp.post("/email")
@bp.login_required
@bp.locks_users()
@bp.arguments(EmailChangeSchema)
@bp.response(202)
@bp.raises(InvalidCredentials)
def request_email_change(data):
    """Send a link to a new e-mail, which becomes yours when you follow it"""
    user = log_in.authenticate_password(
        current_user.email, data["current_password"], request.remote_addr
    )
    rate_limits.hit_or_raise("email_change", str(user.id))
    recovery.request_email_change(user, data["email"])
    db.session.commit()
    return Response(status=202)


@bp.post("/email/confirm")
@bp.public
@bp.arguments(EmailConfirmationSchema)
@bp.response(200, UserSchema)
@bp.raises(InvalidResetToken, ResourceExists)
def confirm_email(data):
    """Change your e-mail with the token of the link that was sent to it"""
    user = recovery.confirm_email(data["token"])
    db.session.commit()
    return user


@users_bp.post("/<uuid:id>/password-reset")
@users_bp.admins_only
@users_bp.locks_users(ids_in_request)
@users_bp.response(200, ResetLinkSchema)
@users_bp.raises(UserNotFound)
def create_password_reset(id):
    """Create a link that resets a user's password within an hour, to hand over"""
    reset_url, expires_at = recovery.create_reset_link(User.get_for_update(id))
    record("create_password_reset", "user", id, after={"expiresAt": expires_at.isoformat()})
    db.session.commit()
    return {"reset_url": reset_url, "expires_at": expires_at}


def _limit_by_address():
    address = rate_limits.client_address(request.remote_addr)
    rate_limits.hit_or_raise("password_reset_address", address)
