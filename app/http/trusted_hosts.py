"""Refuse requests for other hosts than the configured ones, against DNS rebinding.

A page of another site can give its own name the address of this machine; its requests then have
the page's origin, so that CORS does not stop them, but also its ``Host``.
"""

import re
from collections.abc import Sequence

from flask import Flask, request
from werkzeug.sansio.utils import host_is_trusted

from ..errors import ValidationFailed

ADDRESS = re.compile(r"(\[[0-9a-f:.]+\])(:\d{1,5})?", re.ASCII)


def init_app(app: Flask, hosts: Sequence[str]) -> None:
    """Accept only requests for ``hosts``, at any port; all hosts if there are none.

    Flask's own TRUSTED_HOSTS is not used, because it knows no IPv6 address.
    """
    if not hosts:
        return
    addresses = {host.lower() for host in hosts if host.startswith("[")}
    names = [host.lower() for host in hosts if not host.startswith("[")]

    @app.before_request
    def check_host() -> None:
        host = request.environ.get("HTTP_HOST", "").lower()
        address = ADDRESS.fullmatch(host)
        is_trusted = address[1] in addresses if address else names and host_is_trusted(host, names)
        if not is_trusted:
            raise ValidationFailed.at([], "The host of the request is not served here.")
