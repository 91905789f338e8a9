"""Deliver mails.

A mail is marked as sent in the transaction that holds its row, after the server has taken it. If
the process ends between these two, the mail is sent again: SMTP has no way to exclude that. The
repeat has the same Message-ID, by which many mail programs recognize it.
"""

import logging
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import text

from .. import clock
from ..database.base import db
from ..integrations.mail import server as mail_server
from ..integrations.mail import texts, transport
from ..integrations.mail.message import Attachment, build_message, build_recipient
from ..jobs.queue import job
from ..messages import LOCALES
from ..users.models import User
from .actions import ATTACHMENTS, SECRETS, sends_mail
from .models import Mail
from .rules import KINDS, is_wanted

log = logging.getLogger(__name__)

ISSUER = "OSE Platform"
DEFAULT_SENDER = "no-reply@localhost"  # outside production, without MAIL_FROM


@job("deliver_mail")
def deliver_mail(mail_id: str) -> None:
    """Send the mail if it waits. Raises MailUnavailable, and is repeated later."""
    # The transaction waits for the server; were it ended meanwhile, the mail would be sent again.
    timeout = f"SET LOCAL idle_in_transaction_session_timeout = '{transport.DEADLINE + 30}s'"
    db.session.execute(text(timeout))
    mail = Mail.lock_waiting(UUID(mail_id))
    if mail:
        deliver(mail)


def deliver(mail: Mail) -> None:
    """Send a locked mail, or discard it for a reason that will not pass.

    Raises MailUnavailable if the server does not take it now.
    """
    user = db.session.get(User, mail.user_id, populate_existing=True) if mail.user_id else None
    reason = _find_obstacle(mail, user)
    if reason is None:
        try:
            _send(mail, user)
        except transport.MailRefused as refusal:
            log.warning("mail %s (%s) was refused: %s", mail.id, mail.kind, refusal)
            reason = f"refused: {refusal}"
    if reason is None:
        mail.sent_at = clock.now()
    else:
        mail.discard(reason)


def _find_obstacle(mail: Mail, user: User | None) -> str | None:
    """Return why the mail must not be sent; None if nothing speaks against it."""
    if not sends_mail():
        return "MAIL_URL is not set"
    if user and not is_wanted(mail.kind, user.notifications):
        return "the user does not want mails of this kind"
    if user and user.role == "user" and KINDS[mail.kind].audience == "staff":
        return "the user is not staff"
    try:
        _recipient_of(mail, user)
    except ValueError:
        return "no valid address"
    return None


def _recipient_of(mail: Mail, user: User | None) -> Any:
    address = mail.address or (user.email if user else "")
    return build_recipient(_name_of(mail, user), address)


def _name_of(mail: Mail, user: User | None) -> str:
    return mail.name or (user.name if user else "")


def _send(mail: Mail, user: User | None) -> None:
    config = current_app.config
    sender = mail_server.parse_sender(config["MAIL_FROM"] or DEFAULT_SENDER)
    make_files = ATTACHMENTS.get(mail.kind)
    message = build_message(
        _render(mail, user),
        sender,
        _recipient_of(mail, user),
        message_id=str(mail.id),
        sent_at=clock.now(),
        attachments=[Attachment(*file) for file in make_files(mail)] if make_files else [],
    )
    if config["MAIL_URL"]:
        transport.send(message, mail_server.parse_url(config["MAIL_URL"]), sender)
    else:
        name = f"{mail.id}-{mail.kind}.eml"
        transport.write_to_folder(message, Path(config["MAIL_DIR"]), name)


def _render(mail: Mail, user: User | None) -> texts.Text:
    """Render the mail for its recipient: their language, their time zone."""
    config = current_app.config
    make_secrets = SECRETS.get(mail.kind)
    facts = {**mail.facts, **(make_secrets(mail) if make_secrets else {})}
    locale = mail.locale or (user.locale if user else "")
    zone = (user.time_zone if user else None) or config["TIME_ZONE"]
    home = f"{config['PUBLIC_URL'].rstrip('/')}/dashboard" if config["PUBLIC_URL"] else None
    optional = KINDS[mail.kind].is_optional
    return texts.render(
        mail.kind,
        locale if locale in LOCALES else LOCALES[0],
        ZoneInfo(zone),
        facts,
        name=_name_of(mail, user),
        issuer=config["ORGANIZATION_NAME"] or ISSUER,
        link=facts.get("link") or (home if user and optional else None),
        footer=("choice" if optional else "security") if user else None,
    )
