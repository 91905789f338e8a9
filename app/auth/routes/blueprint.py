"""The blueprint of auth, and who sends a request."""

from flask import request

from ...http.blueprint import Blueprint
from ...http.rate_limits import parse_address
from ..rules import Client

bp = Blueprint(
    "auth",
    __name__,
    url_prefix="/api/auth",
    description="Registration, log-in, tokens, sessions, passwords, e-mails and second factors.",
)


def request_client() -> Client:
    """Return where the current request comes from."""
    agent = "".join(filter(str.isprintable, request.headers.get("User-Agent", "")))
    return Client(agent, parse_address(request.remote_addr))
