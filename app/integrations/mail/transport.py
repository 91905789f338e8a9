"""Send mails: the only door to an SMTP server.

The server either takes the mail, or refuses it for good (MailRefused), or may take it later
(MailUnavailable): it is down, slow, busy, or our own account is refused.
"""

import logging
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from threading import Timer

from .server import MailServer

log = logging.getLogger(__name__)

TIMEOUT = 10  # seconds for a step: to connect, or for a reply
DEADLINE = 60  # seconds for all steps


class MailRefused(Exception):
    """The server has refused this mail, or its recipient, for good."""


class MailUnavailable(Exception):
    """The mail was not sent, and may be sent later."""


def send(message: EmailMessage, server: MailServer, sender: Address) -> None:
    """Hand ``message`` to ``server``. Raises MailRefused and MailUnavailable.

    The server may have taken a mail whose reply is lost: then it is unavailable here, and sending
    the mail again repeats it.
    """
    try:
        with _connect(server, sender.domain) as client:
            client.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        _raise_for_code(*next(iter(error.recipients.values())))
    except smtplib.SMTPDataError as error:
        _raise_for_code(error.smtp_code, error.smtp_error)
    except smtplib.SMTPNotSupportedError as error:
        if server.requires_starttls and "STARTTLS" in str(error):
            raise MailUnavailable(str(error)) from None
        raise MailRefused(str(error)) from None  # an address with letters beyond ASCII
    except (OSError, smtplib.SMTPException) as error:  # of which some name the user
        raise MailUnavailable(_describe(error)) from None


@contextmanager
def _connect(server: MailServer, local_hostname: str) -> Iterator[smtplib.SMTP]:
    """Connect and log in; close the connection at the end, and at the deadline."""
    context = ssl.create_default_context()
    arguments = (server.host, server.port, local_hostname)
    if server.has_implicit_tls:
        client: smtplib.SMTP = smtplib.SMTP_SSL(*arguments, timeout=TIMEOUT, context=context)
    else:
        client = smtplib.SMTP(*arguments, timeout=TIMEOUT)
    deadline = Timer(DEADLINE, _shut_down, [client])
    deadline.daemon = True
    deadline.start()
    try:
        client.ehlo_or_helo_if_needed()
        if server.requires_starttls or (not server.is_local and client.has_extn("starttls")):
            client.starttls(context=context)
        if server.user:
            client.login(server.user, server.password)
        yield client
        _quit(client)
    finally:
        deadline.cancel()
        client.close()


def _quit(client: smtplib.SMTP) -> None:
    """End the session; the mail is sent, also if the server does not reply."""
    try:
        client.quit()
    except (OSError, smtplib.SMTPException):
        log.info("the mail server did not end the session")


def _shut_down(client: smtplib.SMTP) -> None:
    """Interrupt the thread that waits for the server."""
    with suppress(OSError):  # it has just ended
        if client.sock:
            client.sock.shutdown(socket.SHUT_RDWR)


def _raise_for_code(code: int, reply: bytes | str) -> None:
    text = f"{code} {_decode(reply)}"
    raise MailRefused(text) if 500 <= code < 600 else MailUnavailable(text)


def _describe(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_decode(error.smtp_error)}"
    return f"{type(error).__name__}: {error}"


def _decode(reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())[:500]


def write_to_folder(message: EmailMessage, folder: Path, name: str) -> Path:
    """Store ``message`` as the file ``name`` instead of sending it, and log its text."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / name
    file.write_bytes(message.as_bytes())
    text = message.get_body(("plain",))
    log.info(
        "mail to %s, in %s: %s\n%s",
        message["To"],
        file,
        message["Subject"],
        text.get_content() if text else "",
    )
    return file
