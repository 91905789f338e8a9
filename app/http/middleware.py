"""The request id, and the headers of every response.

A WSGI middleware instead of Flask hooks: it covers every response, and adds all headers at once.
"""

import re
import secrets
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from ..errors import REQUEST_ID_KEY, ROUTE_KEY
from .tokens import SAFE_METHODS

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}", re.ASCII)

SECURITY_HEADERS = [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")]
HSTS = [("Strict-Transport-Security", "max-age=31536000; includeSubDomains")]
HTML_HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("X-Frame-Options", "DENY"),
]
NO_STORE = [("Cache-Control", "no-store")]  # unless the view has set Cache-Control

Headers = list[tuple[str, str]]


class HeadersMiddleware:
    """WSGI middleware that gives each request an id and completes the headers of its response."""

    def __init__(self, wsgi_app: Callable[..., Iterable[bytes]], *, production: bool) -> None:
        self.wsgi_app = wsgi_app
        self.production = production

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        client_id = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = client_id if REQUEST_ID.fullmatch(client_id) else new_request_id()
        environ[REQUEST_ID_KEY] = request_id
        if environ["REQUEST_METHOD"] in SAFE_METHODS:
            # It is for writes (http.conditional). werkzeug would answer a read with a 412 that is
            # not in the form of our errors.
            environ.pop("HTTP_IF_MATCH", None)

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            environ[ROUTE_KEY] = environ["werkzeug.request"].url_rule  # Flask removes the request
            if not is_shared(headers):
                headers.append(("X-Request-ID", request_id))
            added = default_headers(headers, production=self.production)
            return start_response(status, headers + added, *exc_info)

        return self.wsgi_app(environ, start)


def is_shared(headers: Iterable[tuple[str, str]]) -> bool:
    """Return whether shared caches may answer other clients with the response.

    Such a response has nothing that belongs to the request that it was made for.
    """
    return any(n.lower() == "cache-control" and v.startswith("public") for n, v in headers)


def route_template(environ: dict[str, Any]) -> str | None:
    """Return the path of the request's route, as ``/api/waqf/projects/{id}``; None for a 404."""
    rule = environ.get(ROUTE_KEY)
    return _template(rule.rule) if rule else None


@cache
def _template(rule: str) -> str:
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule)


def new_request_id() -> str:
    return secrets.token_hex(16)


def default_headers(headers: Headers, *, production: bool) -> Headers:
    """Return the default headers that ``headers`` lack."""
    present = {name.lower(): value for name, value in headers}
    added = SECURITY_HEADERS + (HSTS if production else [])
    if "cache-control" not in present:
        added += NO_STORE
    if present.get("content-type", "").startswith("text/html"):
        added += [(name, value) for name, value in HTML_HEADERS if name.lower() not in present]
    return added
