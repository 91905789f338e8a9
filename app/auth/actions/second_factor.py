"""The second factor of staff: time-based codes (TOTP, RFC 6238) and recovery codes.

The secret is encrypted at rest, and a code is accepted once. Recovery codes are random, so their
hashes need no salt or cost.
"""

import base64
import secrets
from hmac import compare_digest
from typing import Any
from uuid import UUID

import pyotp
from cryptography.fernet import InvalidToken
from flask import current_app

from ... import clock
from ...audit.actions import record
from ...audit.origin import current_origin
from ...database.base import db
from ...http.encryption import cipher
from ...messages import Message
from ...notifications.actions import notify
from ...users.models import User
from ..models import RecoveryCode, SecondFactor
from ..rules import InvalidCredentials, InvalidStateOfSecondFactor

PURPOSE = "second factor"
DRIFT = (0, -1, 1)  # steps of 30 s that the clock of a phone may differ
RECOVERY_CODES, RECOVERY_BYTES = 10, 15  # 120 bits each


def begin(user: User) -> dict[str, str]:
    """Store a new secret, which counts once it is confirmed; return it and its otpauth URI.

    Raises InvalidStateOfSecondFactor if the user has a confirmed one.
    """
    if user.second_factor:
        raise InvalidStateOfSecondFactor(Message("The second factor is on: turn it off first"))
    secret = pyotp.random_base32()
    factor = SecondFactor.of_user(user.id) or SecondFactor(user_id=user.id)
    factor.encrypted_secret = cipher(PURPOSE).encrypt(secret.encode())
    factor.last_step = factor.confirmed_at = None
    db.session.add(factor)
    issuer = current_app.config["ORGANIZATION_NAME"] or "OSE Platform"
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=issuer)
    return {"secret": secret, "otpauth_url": uri}


def confirm(user: User, code: str) -> list[str]:
    """Turn the second factor on with its first code; return the recovery codes, shown once.

    Raises InvalidStateOfSecondFactor if none was begun, and InvalidCredentials for a wrong code.
    """
    factor = SecondFactor.of_user(user.id)
    if factor is None or factor.confirmed_at is not None:
        raise InvalidStateOfSecondFactor(
            Message("No second factor waits to be confirmed: begin the enrolment first")
        )
    if not _accept_totp(factor, code):
        raise InvalidCredentials
    factor.confirmed_at, user.second_factor = clock.now(), True
    _record_and_mail(user, "on")
    return _make_recovery_codes(user.id)


def replace_recovery_codes(user: User) -> list[str]:
    """Make new recovery codes; earlier ones are void."""
    _record_and_mail(user, "codes")
    return _make_recovery_codes(user.id)


def turn_off(user: User) -> None:
    """Delete the user's second factor and recovery codes."""
    user.second_factor = False
    _record_and_mail(user, "off")
    RecoveryCode.replace_all(user.id, [])
    db.session.execute(db.delete(SecondFactor).where(SecondFactor.user_id == user.id))


def accept_code(user_id: UUID, code: str) -> bool:
    """Return whether ``code`` is the current one of the app or a recovery code; each works once."""
    factor = SecondFactor.of_user(user_id)
    if factor is not None and factor.confirmed_at is not None and _accept_totp(factor, code):
        return True
    return RecoveryCode.use(user_id, _compact(code))


def describe(user_id: UUID, *, is_on: bool) -> dict[str, Any]:
    """Return what a SecondFactorSchema shows."""
    return {
        "enabled": is_on,
        "required": bool(current_app.config["STAFF_MFA"]),
        "recovery_codes_left": RecoveryCode.count(user_id),
    }


def _make_recovery_codes(user_id: UUID) -> list[str]:
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    RecoveryCode.replace_all(user_id, [_compact(code) for code in codes])
    return codes


def _record_and_mail(user: User, change: str) -> None:
    """Record ``change`` (the factor is ``on`` or ``off``, or has new ``codes``), and mail it."""
    record(current_origin().action, "user", user.id, after={"secondFactor": change})
    now = clock.now().isoformat()
    facts = {"at": now, "change": change}
    notify("second_factor_changed", f"{user.id} {change} {now}", user_id=user.id, facts=facts)


def _accept_totp(factor: SecondFactor, code: str) -> bool:
    """Return whether ``code`` is current and newer than the last one; remember it."""
    try:
        secret = cipher(PURPOSE).decrypt(factor.encrypted_secret)
    except InvalidToken:  # encrypted with a signing key that was retired: only recovery codes work
        return False
    totp, digits = pyotp.TOTP(secret.decode()), code.replace(" ", "").encode()
    now = totp.timecode(clock.now())
    for step in (now + drift for drift in DRIFT):
        is_new = factor.last_step is None or step > factor.last_step
        if is_new and compare_digest(totp.generate_otp(step).encode(), digits):
            factor.last_step = step
            factor.encrypted_secret = cipher(PURPOSE).encrypt(secret)  # with the current key
            return True
    return False


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(text[start : start + 6] for start in range(0, len(text), 6))


def _compact(code: str) -> str:
    return "".join(character for character in code.lower() if character.isalnum())
