"""Who may read and change a user, and when two e-mail addresses are equal."""

import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import idna

from ..errors import ApiError, Forbidden

PRIVILEGES = ("role", "disabled")  # the fields that decide what a user may access


class UserNotFound(ApiError):
    status, code, message = 404, "USER_NOT_FOUND", "User not found"


class ErasureRefused(ApiError):
    status, code, message = 409, "INVALID_TRANSITION", "Not allowed in the current state"


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


def changes_privileges(user: Any, changes: Mapping[str, Any]) -> bool:
    """Return whether ``changes`` give the user another role, or disable or enable them."""
    return any(name in changes and changes[name] != getattr(user, name) for name in PRIVILEGES)
