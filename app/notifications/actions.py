"""Tell people what has happened."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from .models import Mail

# What a mail needs that must not be stored, such as the link that resets a password.
SECRETS: dict[str, Callable[[Mail], dict[str, Any]]] = {}
# A mail's files, as (name, content, media type).
ATTACHMENTS: dict[str, Callable[[Mail], list[tuple[str, bytes, str]]]] = {}


def mail_secrets(kind: str) -> Callable[..., Any]:
    """Register the function that makes the secrets of a mail of ``kind`` when it is sent."""
    return _register(SECRETS, kind)


def mail_attachments(kind: str) -> Callable[..., Any]:
    """Register the function that makes the files of a mail of ``kind`` when it is sent."""
    return _register(ATTACHMENTS, kind)


def notify(
    kind: str,
    key: str,
    *,
    user_id: UUID | None = None,
    address: str | None = None,
    name: str | None = None,
    locale: str | None = None,
    facts: dict[str, Any] | None = None,
) -> bool:
    """Send a mail of ``kind`` after the caller's commit, once for its cause ``key``.

    It goes to the user with ``user_id``, or to ``address`` if there is one. ``facts`` are the
    values of its template, as JSON has them, and never a secret: they are stored. Return False if
    the cause has a mail already.
    """
    mail_id = Mail.insert_once(
        kind=kind,
        key=f"{kind} {key}",
        user_id=user_id,
        address=address,
        name=name,
        locale=locale,
        facts=facts or {},
    )
    return mail_id is not None


def _register(registry: dict[str, Any], kind: str) -> Callable[..., Any]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        registry[kind] = function
        return function

    return register
