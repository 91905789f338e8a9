"""Tell people what has happened."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import current_app

from ..jobs.queue import enqueue
from .models import Mail, staff_ids
from .rules import require_facts

# What a mail needs that must not be stored, such as the link that resets a password.
SECRETS: dict[str, Callable[[Mail], dict[str, Any]]] = {}
# A mail's files, as (name, content, media type).
ATTACHMENTS: dict[str, Callable[[Mail], list[tuple[str, bytes, str]]]] = {}


def mail_secrets(kind: str) -> Callable[..., Any]:
    """Register the function that makes the secrets of a mail of ``kind`` when it is sent.

    It returns them as facts. ``link`` is the address that the mail shows below its text.
    """
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
    values of its texts (``rules.KINDS``), as JSON has them, and never a secret: they are stored.
    Return False if the cause has a mail already, or the service sends no mail.
    """
    values = {"user_id": user_id, "address": address, "name": name, "locale": locale}
    return _insert_and_enqueue(kind, facts or {}, [{"key": key, **values}]) == 1


def notify_staff(
    kind: str, key: str, facts: dict[str, Any], *, except_id: UUID | None = None
) -> None:
    """Send a mail to each active officer and admin, as ``notify`` does; not to ``except_id``."""
    mails = [{"key": f"{key} {id}", "user_id": id} for id in staff_ids(except_id)]
    _insert_and_enqueue(kind, facts, mails)


def sends_mail() -> bool:
    """Return whether mails are sent, or stored on this machine: in production needs MAIL_URL."""
    config = current_app.config
    return bool(config["MAIL_URL"]) or not config["PRODUCTION"]


def _insert_and_enqueue(kind: str, facts: dict[str, Any], mails: list[dict[str, Any]]) -> int:
    """Insert mails and enqueue their delivery; return the number of those that are new."""
    require_facts(kind, facts)
    if not sends_mail():
        return 0
    ids = Mail.insert_once(
        *({**mail, "key": f"{kind} {mail['key']}", "kind": kind, "facts": facts} for mail in mails)
    )
    for id in ids:
        enqueue("deliver_mail", mail_id=str(id))
    return len(ids)


def _register(registry: dict[str, Any], kind: str) -> Callable[..., Any]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        registry[kind] = function
        return function

    return register
