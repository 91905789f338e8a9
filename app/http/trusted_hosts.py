"""Refuse requests for other hosts than the configured ones, against DNS rebinding.

A page of another site can give its own name the address of this machine; its requests then have
the page's origin, so that CORS does not stop them, but also its ``Host``.
"""

import logging
import re
from collections.abc import Sequence
from ipaddress import ip_address

from flask import Flask, request
from werkzeug.sansio.utils import host_is_trusted

from ..errors import ValidationFailed
from ..messages import Fault, Rule

log = logging.getLogger(__name__)

ADDRESS = re.compile(r"(\[[0-9a-f:.]+\])(:\d{1,5})?", re.ASCII)
# A name; with a dot in front also all names below it.
NAME = re.compile(r"\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
# A platform probes an instance by its IP address; the responses are public and change nothing.
PROBES = {"/api/health", "/api/health/ready"}


def is_host(text: str) -> bool:
    """Return whether ``text`` is a name, an IPv4 address or an IPv6 address in brackets."""
    is_numeric = not re.search(r"[a-z_-]", text, re.IGNORECASE)
    if not is_numeric and not text.startswith("["):
        return NAME.fullmatch(text.lower()) is not None
    try:
        address = ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return text == (str(address) if address.version == 4 else f"[{address}]")


def init_app(app: Flask, hosts: Sequence[str]) -> None:
    """Accept only requests for ``hosts``, at any port, and PROBES; all hosts if there are none.

    Flask's own TRUSTED_HOSTS is not used, because it knows no IPv6 address.
    """
    if not hosts:
        return
    addresses = {host.lower() for host in hosts if host.startswith("[")}
    names = [host.lower() for host in hosts if not host.startswith("[")]

    @app.before_request
    def check_host() -> None:
        if request.path in PROBES:
            return
        host = request.environ.get("HTTP_HOST", "").lower()
        address = ADDRESS.fullmatch(host)
        is_trusted = address[1] in addresses if address else names and host_is_trusted(host, names)
        if not is_trusted:
            log.warning("refused a request for the host %r: TRUSTED_HOSTS does not name it", host)
            raise ValidationFailed.at(
                [], Fault("The host of the request is not served here.", Rule.NOT_ALLOWED)
            )
