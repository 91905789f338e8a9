"""The check of a password and of the second factor, and the limits on failed log-ins."""

import logging
from collections.abc import Mapping

from flask import current_app

from ...database.base import db
from ...http import rate_limits
from ...users import passwords
from ...users.models import LOCK_MODE, User
from ...users.rules import normalize_email
from ..rules import InvalidCredentials, SecondFactorRequired, refusing_window
from . import second_factor

log = logging.getLogger(__name__)


def authenticate_password(email: str, password: str, address: str | None) -> User:
    """Return the user with this e-mail and password, and lock their row.

    Failures count for the user at the client's ``address``, for the address, and for the service.
    Raises InvalidCredentials, or RateLimited after too many of them. Passwords are checked one at a
    time in each process, so that Argon2 leaves threads to other requests.
    """
    id, password_hash = User.credentials(normalize_email(email)).row() or (None, None)
    # By id if the user exists: the e-mail can be changed between two attempts.
    keys = _failure_keys(str(id or normalize_email(email)), address)
    if password == passwords.PUBLISHED_PASSWORD and current_app.config["PRODUCTION"]:
        password_hash = None  # rejected like a wrong password, in the same time
    _raise_if_refused(
        {
            name: window._replace(hits=window.hits + 1)  # as if this attempt were counted
            for name, window in rate_limits.hit(keys, amount=0).items()
        }
    )
    with passwords.hash_lock:
        # Counted before the password is verified, so that attempts in other processes cannot pass
        # the limits in the meantime.
        _count_failure(keys)
        if not passwords.verify_password(password, password_hash):
            raise InvalidCredentials
        rate_limits.hit(keys, amount=-1)
    user = db.session.get(User, id, with_for_update=LOCK_MODE, populate_existing=True)
    if user is None or user.disabled or user.password_hash != password_hash:
        _count_failure(keys)
        raise InvalidCredentials
    if passwords.needs_rehash(user.password_hash):
        # A statement of its own: to the audit a change of the attribute is one of the password.
        new_hash = passwords.hash_password(password)
        db.session.execute(db.update(User).where(User.id == user.id).values(password_hash=new_hash))
    return user


def require_second_factor(user: User, code: str | None, address: str | None) -> None:
    """Accept ``code`` for a user who has a second factor; one of the two kinds of codes, once.

    Raises SecondFactorRequired without a code, InvalidCredentials for a wrong one, and RateLimited
    after too many of them, which count for the user and as failed log-ins. The user's row is
    locked.
    """
    if not user.second_factor:
        return
    if not code:
        raise SecondFactorRequired
    keys = {"second_factor": str(user.id), **_failure_keys(str(user.id), address)}
    _count_failure(keys)
    if not second_factor.accept_code(user.id, code):
        raise InvalidCredentials
    rate_limits.hit(keys, amount=-1)


def _failure_keys(account: str, address: str | None) -> dict[str, str]:
    """Return what a failed log-in counts for, by limit; the narrowest first."""
    client = rate_limits.client_address(address)
    return {"login": f"{account}/{client}", "login_address": client, "login_service": ""}


def _count_failure(keys: Mapping[str, str]) -> None:
    """Count a log-in as failed. Raises RateLimited if it must not be tried."""
    windows = rate_limits.hit(keys)
    service = windows.get("login_service")
    if service and service.remaining == -1:
        log.warning("more failed log-ins than %s: addresses with one are refused", service.limit)
    _raise_if_refused(windows)


def _raise_if_refused(windows: Mapping[str, rate_limits.Window]) -> None:
    window = refusing_window(windows)
    if window:
        raise window.to_error()
