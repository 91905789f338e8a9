"""Who may read and change a user, and when two e-mail addresses are equal."""

import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import idna

from ..errors import ApiError, Forbidden
from ..messages import Message

PRIVILEGES = ("role", "disabled")  # the fields that decide what a user may access


class UserNotFound(ApiError):
    status, code, message = 404, "USER_NOT_FOUND", Message("User not found")


class LastAdmin(ApiError):
    """The institution would have no admin left."""

    status, code, message = 403, "FORBIDDEN", Message("Forbidden")

    def __init__(self) -> None:
        super().__init__(Message("Forbidden: no other active admin would remain"))


class ErasureRefused(ApiError):
    status, code, message = 409, "INVALID_TRANSITION", Message("Not allowed in the current state")


def normalize_email(email: str) -> str:
    """Return the key by which e-mail addresses are compared.

    Addresses are equal regardless of case, of Unicode form, of blanks around them, and of whether
    an internationalized domain is written in Unicode or Punycode.
    """
    local, _, domain = unicodedata.normalize("NFKC", email).strip().rpartition("@")
    with suppress(idna.IDNAError):
        domain = idna.encode(domain, uts46=True).decode()
    return f"{local.casefold()}@{domain.casefold()}"


def require_self_or_admin(caller: Any, user_id: UUID) -> None:
    """Raise Forbidden unless the caller is this user or an admin, also if no such user exists."""
    if caller.id != user_id and caller.role != "admin":
        raise Forbidden


def forbid_self(caller: Any, user_id: UUID) -> None:
    """Raise Forbidden if the caller is this user: the last admin could lock themself out."""
    if caller.id == user_id:
        raise Forbidden


def forbid_own_email(caller: Any, user: Any, changes: Mapping[str, Any]) -> None:
    """Raise Forbidden if users change their own e-mail; they confirm it (``/auth/email``)."""
    if caller.id == user.id and changes.get("email", user.email) != user.email:
        raise Forbidden


def removes_admin(user: Any, changes: Mapping[str, Any]) -> bool:
    """Return whether ``changes`` make an active admin none."""
    is_admin = user.role == "admin" and not user.disabled
    remains = changes.get("role", user.role) == "admin"
    return is_admin and not (remains and not changes.get("disabled", user.disabled))


def changes_privileges(user: Any, changes: Mapping[str, Any]) -> bool:
    """Return whether ``changes`` give the user another role, or disable or enable them."""
    return any(name in changes and changes[name] != getattr(user, name) for name in PRIVILEGES)
