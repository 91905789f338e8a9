"""The SMTP server of MAIL_URL: what the URL says, and why it may be invalid."""

import re
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import getaddresses
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

SUBMISSION_PORT = 587  # RFC 6409: with STARTTLS
TLS_PORT = 465  # RFC 8314: TLS from the first byte
MALFORMED = "is not a valid URL: percent-encode the special characters of the password."


@dataclass(frozen=True)
class MailServer:
    """An SMTP server, and how to talk to it."""

    host: str
    port: int
    has_implicit_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, so that nothing passes through a network."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def requires_starttls(self) -> bool:
        """Whether a connection that stays in plain text must not be used."""
        is_plain = not self.has_implicit_tls and not self.is_local
        return is_plain and bool(self.user or self.port == SUBMISSION_PORT)


def parse_url(url: str) -> MailServer:
    """Return the server of ``url``, such as ``smtp://user:password@host:587``.

    ``smtps://`` is TLS from the first byte, by default at port 465. ``smtp://`` begins in plain
    text, by default at port 587; see ``MailServer.requires_starttls``.
    """
    parts = urlsplit(url)
    is_tls = parts.scheme == "smtps"
    return MailServer(
        parts.hostname or "",
        parts.port or (TLS_PORT if is_tls else SUBMISSION_PORT),
        is_tls,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


def url_error(url: str) -> str | None:
    """Return what is wrong with ``url``, without its secrets; None if nothing is."""
    if not re.match(r"smtps?://", url):
        return "must begin with smtp:// or smtps://."
    try:
        parts = urlsplit(url)
        has_valid_port = parts.port is None or parts.port > 0
    except ValueError:
        return MALFORMED
    if not has_valid_port or not re.fullmatch(r"[a-z0-9.:_-]+", parts.hostname or ""):
        return MALFORMED
    if parts.path.strip("/") or parts.query or parts.fragment:
        return f"must end after the port. Else it {MALFORMED}"
    return _credentials_error(parts)


def _credentials_error(parts: SplitResult) -> str | None:
    if (parts.username is None) != (parts.password is None):
        return "must have both a user and a password, or neither."
    for value in filter(None, (parts.username, parts.password)):
        if "@" in value or re.search(r"%(?![0-9a-fA-F]{2})", value):
            return MALFORMED
    return None


def parse_sender(text: str) -> Address:
    """Return the name and address of ``text``, as in ``Al-Amanah <no-reply@example.org>``.

    Raises ValueError.
    """
    (name, address), *others = getaddresses([text])
    is_address = re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", address)
    if others or not is_address or not text.isprintable():
        raise ValueError(text)
    return Address(name, addr_spec=address)
