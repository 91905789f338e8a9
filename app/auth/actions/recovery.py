"""Ways back into an account, and to another e-mail: links that work once and within an hour.

Nothing tells a client whether an address has an account: for an unknown one the same statements
run, and what they inserted is rolled back before the commit.
"""

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from ... import clock
from ...database.base import db
from ...http import rate_limits
from ...http.signed_links import public_address
from ...notifications.actions import mail_secrets, notify
from ...notifications.models import Mail
from ...users import passwords
from ...users.models import (
    CREDENTIAL_HANDLERS,
    LOCK_MODE,
    User,
    UserSession,
    credentials_changed,
)
from ...users.rules import normalize_email
from ...users.schemas import require_unlike_user
from ..models import EMAIL_CHANGE, PASSWORD_RESET, AccountToken
from ..rules import InvalidResetToken

PAGES = {PASSWORD_RESET: "/reset-password", EMAIL_CHANGE: "/confirm-email"}


class _NotSent(Exception):
    """Rolls back a mail to an address that gets none."""


def request_password_reset(email: str) -> None:
    """Send a link to the account with ``email``, if there is an active one within its limit."""
    key = normalize_email(email)
    windows = rate_limits.hit({"password_reset": key}).values()
    is_limited = any(window.is_exceeded for window in windows)
    user_id = db.session.scalar(db.select(User.id).where(User.email_key == key, ~User.disabled))
    _notify_if(user_id is not None and not is_limited, PASSWORD_RESET, email, user_id=user_id)


def request_email_change(user: User, email: str) -> None:
    """Send a link to ``email`` that makes it the user's, unless it is another user's."""
    is_taken = db.session.scalar(db.select(User.id).where(User.email_key == normalize_email(email)))
    _notify_if(
        is_taken in (None, user.id), EMAIL_CHANGE, email, user_id=user.id, facts={"email": email}
    )


def reset_password(token: str, password: str) -> None:
    """Set the password of the user that ``token`` belongs to, and end all of their sessions.

    Raises InvalidResetToken, and ValidationFailed for a password like the user's name or e-mail.
    """
    user, row = _use_token(PASSWORD_RESET, token)
    require_unlike_user("newPassword", password, user)
    user.password_hash = passwords.hash_password(password)
    credentials_changed(user, user.email)
    UserSession.revoke_all(user.id)
    if row.is_mailed:
        user.confirm_email()


def confirm_email(token: str) -> User:
    """Give the user that ``token`` belongs to their new e-mail. Raises InvalidResetToken."""
    user, row = _use_token(EMAIL_CHANGE, token)
    former, user.email = user.email, row.new_email
    db.session.flush()  # raises if the address was taken meanwhile
    credentials_changed(user, former)
    user.confirm_email()
    return user


def create_reset_link(user: User, *, is_mailed: bool = False) -> tuple[str, datetime]:
    """Create a link that resets the user's password; return it with its expiry."""
    token, expires_at = AccountToken.create(PASSWORD_RESET, user, is_mailed=is_mailed)
    return _link(PASSWORD_RESET, token), expires_at


@mail_secrets(PASSWORD_RESET)
def _reset_secrets(mail: Mail) -> dict[str, Any]:
    link, expires_at = create_reset_link(_recipient(mail), is_mailed=True)
    return {"link": link, "expiresAt": expires_at.isoformat()}


@mail_secrets(EMAIL_CHANGE)
def _email_secrets(mail: Mail) -> dict[str, Any]:
    token, expires_at = AccountToken.create(
        EMAIL_CHANGE, _recipient(mail), new_email=mail.facts["email"], is_mailed=True
    )
    return {"link": _link(EMAIL_CHANGE, token), "expiresAt": expires_at.isoformat()}


@CREDENTIAL_HANDLERS.append
def _notify_of_change(user: User, former: str) -> None:
    """Send a mail about a new password, or about a new e-mail to the former one."""
    if not former or not user.email:
        return
    now = clock.now().isoformat()
    cause, facts = f"{user.id} {now}", {"at": now}
    if former == user.email:
        notify("password_changed", cause, user_id=user.id, facts=facts)
    else:
        facts["email"] = user.email
        notify("email_changed", cause, user_id=user.id, address=former, facts=facts)


def _notify_if(is_meant: bool, kind: str, address: str, **mail: Any) -> None:
    """Send a mail to ``address``, or do the same work and send none."""
    address_of_mail = address if kind == EMAIL_CHANGE else None
    with suppress(_NotSent), db.session.begin_nested():
        notify(kind, str(uuid7()), address=address_of_mail, **mail)
        if not is_meant:
            raise _NotSent


def _use_token(purpose: str, token: str) -> tuple[User, Any]:
    """Lock the user that ``token`` belongs to and use it up. Raises InvalidResetToken."""
    user_id: UUID | None = AccountToken.find_user_id(purpose, token)
    user = user_id and db.session.get(User, user_id, with_for_update=LOCK_MODE)
    row = AccountToken.use(purpose, token, user) if user and not user.disabled else None
    if not user or row is None:
        raise InvalidResetToken
    return user, row


def _recipient(mail: Mail) -> User:
    return db.session.get_one(User, mail.user_id)


def _link(purpose: str, token: str) -> str:
    """Return the link to our page; the token is in the part that browsers send to no server."""
    return public_address(f"{PAGES[purpose]}#token={token}")
