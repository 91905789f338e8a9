"""Build the message of a mail."""

import re
from collections.abc import Iterable
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import NamedTuple

import idna

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Attachment(NamedTuple):
    """A file of a mail."""

    name: str
    content: bytes
    media_type: str  # such as application/pdf


class Text(NamedTuple):
    """A mail's words, in one language."""

    locale: str
    subject: str
    plain: str
    html: str


def build_message(
    text: Text,
    sender: Address,
    recipient: Address,
    *,
    message_id: str,
    sent_at: datetime,
    attachments: Iterable[Attachment] = (),
) -> EmailMessage:
    """Build a message in plain text and HTML, with ``attachments``.

    ``message_id`` is the same whenever the same mail is sent again, so that a repeat can be
    recognized. No value of a header can begin another: ``one_line`` takes the line breaks out.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = one_line(text.subject)
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = f"<{message_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office replies are not wanted
    message.set_content(text.plain)
    message.add_alternative(text.html, subtype="html")
    for name, content, media_type in attachments:
        main, _, sub = media_type.partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=one_line(name))
    message["Content-Language"] = text.locale  # last, or it would move to the first part
    return message


def build_recipient(name: str, address: str) -> Address:
    """Return the recipient with ``name`` and ``address``; its domain in ASCII. Raises ValueError.

    The part before the @ may have letters beyond ASCII if the server supports them (SMTPUTF8).
    """
    local, at, domain = address.rpartition("@")
    if not at or CONTROL.search(address):
        raise ValueError("not an address")
    try:
        domain = idna.encode(domain, uts46=True).decode()
        return Address(one_line(name), username=local, domain=domain)
    except (idna.IDNAError, ValueError, IndexError) as error:
        raise ValueError("not an address") from error


def one_line(text: str) -> str:
    """Replace line breaks and other control characters, which could begin another header."""
    return " ".join(CONTROL.sub(" ", text).split())
