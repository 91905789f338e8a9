"""Deliver mails.

A mail is marked as sent in the transaction that holds its row, after the server has taken it. If
the process ends between these two, the mail is sent again: SMTP has no way to exclude that. The
repeat has the same Message-ID, by which many mail programs recognize it.

Staff get one mail of a kind in STAFF_PAUSE at most. Those that come before its end wait; the first
of them is then sent with the number of the others, which are discarded.
"""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import text

from .. import clock
from ..database.base import db
from ..database.locks import try_lock_name
from ..http.signed_links import public_address
from ..integrations.mail import server as mail_server
from ..integrations.mail import texts, transport
from ..integrations.mail.message import Attachment, build_message, build_recipient
from ..jobs.queue import enqueue, job
from ..messages import LOCALES
from ..users.models import User
from .actions import ATTACHMENTS, SECRETS, sends_mail
from .models import COUNTED, Mail
from .rules import KINDS, is_wanted

log = logging.getLogger(__name__)

ISSUER = "OSE Platform"
STAFF_PAUSE = timedelta(hours=1)
BUSY_PAUSE = timedelta(seconds=5)  # while another worker sends such a mail
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
    is_bounded = user is not None and KINDS[mail.kind].audience == "staff"
    if reason is None and is_bounded and _wait_for_turn(mail):
        return
    others = mail.lock_others() if is_bounded else []
    if reason is None:
        try:
            _send(mail, user, more=len(others))
        except transport.MailRefused as refusal:
            log.warning("mail %s (%s) was refused: %s", mail.id, mail.kind, refusal)
            reason = f"refused: {refusal}"
    if reason is None:
        mail.sent_at = clock.now()
        for other in others:
            other.discard(COUNTED)
    else:
        mail.discard(reason)
        for other in others[:1]:  # it has no job if it waited behind this one
            enqueue("deliver_mail", mail_id=str(other.id))


def _wait_for_turn(mail: Mail) -> bool:
    """Enqueue a mail to staff for later if one of its kind was sent within STAFF_PAUSE.

    Return whether it has to wait. Until the transaction ends, no other one of its kind is sent to
    this user.
    """
    name, mail_id = f"mail {mail.kind} {mail.user_id}", str(mail.id)
    if not try_lock_name(name):
        enqueue("deliver_mail", at=clock.now() + BUSY_PAUSE, mail_id=mail_id)
        return True
    last = Mail.last_sent_at(mail.user_id, mail.kind) if mail.user_id else None
    if last is None or last + STAFF_PAUSE <= clock.now():
        return False
    enqueue("deliver_mail", at=last + STAFF_PAUSE, waiting_once=name, mail_id=mail_id)
    return True


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


def _send(mail: Mail, user: User | None, *, more: int) -> None:
    config = current_app.config
    sender = mail_server.parse_sender(config["MAIL_FROM"] or DEFAULT_SENDER)
    make_files = ATTACHMENTS.get(mail.kind)
    message = build_message(
        _render(mail, user, more),
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


def _render(mail: Mail, user: User | None, more: int) -> texts.Text:
    """Render the mail for its recipient: their language, their time zone."""
    config = current_app.config
    make_secrets = SECRETS.get(mail.kind)
    facts = {**mail.facts, **(make_secrets(mail) if make_secrets else {})}
    locale = mail.locale or (user.locale if user else "")
    zone = (user.time_zone if user else None) or config["TIME_ZONE"]
    optional = KINDS[mail.kind].is_optional
    return texts.render(
        mail.kind,
        locale if locale in LOCALES else LOCALES[0],
        ZoneInfo(zone),
        facts,
        more=more,
        name=_name_of(mail, user),
        issuer=config["ORGANIZATION_NAME"] or ISSUER,
        link=facts.get("link") or (public_address("/dashboard") if user and optional else None),
        footer=("choice" if optional else "security") if user else None,
    )
