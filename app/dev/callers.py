"""Who may control the service: programs and pages of this machine."""

from ipaddress import ip_address

from flask import current_app, request

from ..errors import Forbidden, NotFound

PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


def require_local() -> None:
    """Raise NotFound for a request of another machine, Forbidden for one of another site's page.

    A proxy on this machine may pass on requests of others, so none may have passed one. A page of
    another site can send a POST without a body to this machine, but names its origin.
    """
    address = ip_address((request.remote_addr or "0.0.0.0").partition("%")[0])  # noqa: S104
    if not address.is_loopback or any(name in request.headers for name in PROXY_HEADERS):
        raise NotFound
    origin = request.headers.get("Origin")
    allowed = {request.host_url.rstrip("/"), *current_app.config["CORS_ORIGINS"]}
    if origin is not None and origin not in allowed:
        raise Forbidden
