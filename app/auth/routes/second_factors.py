"""The second factor of a user: enrolment, confirmation, recovery codes, and its end."""

from flask import request

from ...database.base import db
from ...errors import Forbidden
from ...http import rate_limits
from ...http.authentication import current_user
from ...http.responses import no_content
from ...messages import Message
from ...users.models import User, UserSession
from ..actions import log_in, second_factor
from ..rules import InvalidCredentials, InvalidStateOfSecondFactor
from ..schemas import (
    CodeBodySchema,
    CurrentPasswordSchema,
    EnrolmentSchema,
    RecoveryCodesSchema,
    SecondFactorRemovalSchema,
    SecondFactorSchema,
)
from .blueprint import bp


@bp.get("/second-factor")
@bp.login_required
@bp.allows_enrolment
@bp.response(200, SecondFactorSchema)
def show_second_factor():
    """Show whether your log-ins need a code"""
    return second_factor.describe(current_user.id, is_on=current_user.second_factor)


@bp.post("/second-factor")
@bp.login_required
@bp.allows_enrolment
@bp.locks_users()
@bp.arguments(CurrentPasswordSchema)
@bp.response(200, EnrolmentSchema)
@bp.raises(InvalidCredentials, Forbidden, InvalidStateOfSecondFactor)
def begin_second_factor(data):
    """Begin to enrol an authenticator app (staff); log-ins need it once it is confirmed"""
    user = _confirm_password(data["current_password"])
    if user.role == "user":
        raise Forbidden
    enrolment = second_factor.begin(user)
    db.session.commit()
    return enrolment


@bp.post("/second-factor/confirm")
@bp.login_required
@bp.allows_enrolment
@bp.locks_users()
@bp.arguments(CodeBodySchema)
@bp.response(200, RecoveryCodesSchema)
@bp.raises(InvalidCredentials, InvalidStateOfSecondFactor)
def confirm_second_factor(data):
    """Turn the second factor on with its first code; every other session ends"""
    user = User.get_for_update(current_user.id)
    rate_limits.hit_or_raise("second_factor", str(user.id))
    codes = second_factor.confirm(user, data["code"])
    UserSession.revoke_all(user.id, except_id=current_user.session_id)
    db.session.commit()
    return {"recovery_codes": codes}


@bp.post("/second-factor/recovery-codes")
@bp.login_required
@bp.locks_users()
@bp.arguments(SecondFactorRemovalSchema)
@bp.response(200, RecoveryCodesSchema)
@bp.raises(InvalidCredentials, InvalidStateOfSecondFactor)
def replace_recovery_codes(data):
    """Replace your recovery codes; earlier ones are void"""
    user = _confirm_both(data)
    codes = second_factor.replace_recovery_codes(user)
    db.session.commit()
    return {"recovery_codes": codes}


@bp.post("/second-factor/disable")
@bp.login_required
@bp.locks_users()
@bp.arguments(SecondFactorRemovalSchema)
@bp.response(204)
@bp.raises(InvalidCredentials, InvalidStateOfSecondFactor)
def disable_second_factor(data):
    """Turn your second factor off; every other session ends"""
    user = _confirm_both(data)
    second_factor.turn_off(user)
    UserSession.revoke_all(user.id, except_id=current_user.session_id)
    db.session.commit()
    return no_content()


def _confirm_password(password):
    """Return the current user, locked. Raises InvalidCredentials."""
    return log_in.authenticate_password(current_user.email, password, request.remote_addr)


def _confirm_both(data):
    """Check the password and a code of the second factor, and return the user, locked."""
    user = _confirm_password(data["current_password"])
    if not user.second_factor:
        raise InvalidStateOfSecondFactor(Message("The second factor is off"))
    log_in.require_second_factor(user, data["code"], request.remote_addr)
    return user
