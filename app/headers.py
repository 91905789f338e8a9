"""What every answer carries, and the request id that ties it to the log."""

import re
import secrets

from flask import Flask, Response, current_app, g, request

from .errors import UnsupportedMediaType

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}", re.ASCII)
PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def init_app(app: Flask) -> None:
    """Set the headers on every answer, whoever made it."""
    app.before_request(name_request)
    app.before_request(refuse_encodings)
    app.after_request(finish)


def name_request() -> None:
    """Take the client's request id where it is well formed, else make one."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    request.environ["ose.request_id"] = g.request_id


def refuse_encodings() -> None:
    """Compressed bodies are not unpacked: a small one can hold gigabytes."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType


def finish(response: Response) -> Response:
    """The headers of every answer; a view that says how long it may be cached keeps its word."""
    headers = response.headers
    headers["X-Request-ID"] = g.request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers.setdefault("Cache-Control", "no-store")
    if response.mimetype == "text/html":
        headers["Content-Security-Policy"] = PAGE_POLICY
        headers["X-Frame-Options"] = "DENY"
    if current_app.config["PRODUCTION"]:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if response.status_code not in (429, 503):
        headers.pop("Retry-After", None)  # flask-limiter sends it on every answer
    return response
