"""Who may see and change what of a user."""

import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import idna

from ..errors import ApiError, Forbidden

PRIVILEGES = ("role", "disabled")  # what decides whether somebody may come in, and where to


class UserNotFound(ApiError):
    status, code, message = 404, "USER_NOT_FOUND", "User not found"


def normalize_email(email: str) -> str:
    """What makes two e-mail addresses the same: neither case nor Unicode form tells them apart,
    nor whether the domain is written in its own script or in Punycode."""
    local, _, domain = unicodedata.normalize("NFKC", email).rpartition("@")
    with suppress(idna.IDNAError):
        domain = idna.encode(domain, uts46=True).decode()
    return f"{local.casefold()}@{domain.casefold()}"


def require_self_or_admin(caller: Any, user_id: UUID) -> None:
    """A user is for themself and for admins, whether or not there is such a user."""
    if caller.id != user_id and caller.role != "admin":
        raise Forbidden


def forbid_self(caller: Any, user_id: UUID) -> None:
    """Nobody deletes themself or changes their own standing: the last admin would be lost."""
    if caller.id == user_id:
        raise Forbidden


def changes_privileges(user: Any, changes: Mapping[str, Any]) -> bool:
    """Whether ``changes`` give ``user`` another role, disable or enable them."""
    return any(name in changes and changes[name] != getattr(user, name) for name in PRIVILEGES)
