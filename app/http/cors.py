"""Cross-origin requests, by flask-cors.

Pages of any origin may read public responses, without credentials; all other responses are for the
configured origins, with credentials.
"""

import re
from collections.abc import Sequence
from typing import Any

from flask import Flask, Response
from flask_cors import CORS

EXPOSED_HEADERS = (
    "X-Request-ID",
    "X-Total-Count",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Retry-After",
    "Idempotent-Replayed",
    "ETag",
    "Content-Disposition",
    "Deprecation",
    "Link",
)
READ_METHODS = ["GET", "HEAD", "OPTIONS"]
ANY_ORIGIN_METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS"]
MAX_AGE = 600  # seconds that a browser may keep the response to a preflight
ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-CSRF-Token",
    "X-Request-ID",
)


def init_app(app: Flask, origins: Sequence[str]) -> None:
    """Add the CORS headers to responses, for the configured ``origins`` and for public reads.

    The extension that is initialized last is evaluated first. It allows the configured origins on
    every path; for the others, the first one allows reading the public paths.
    """
    common: Any = {
        "expose_headers": EXPOSED_HEADERS,
        "allow_headers": ALLOWED_HEADERS,
        "max_age": MAX_AGE,
        "always_send": False,  # only to requests with an Origin
        "intercept_exceptions": False,  # after_request sees the responses to errors too
    }
    any_origin = {"origins": "*", "send_wildcard": True, "methods": READ_METHODS}
    CORS(app, resources={public_paths(app): any_origin}, **common)
    if origins:
        exact_origins = [exact_origin(origin) for origin in origins]
        CORS(app, origins=exact_origins, supports_credentials=True, **common)


def allow_any_origin(response: Response) -> Response:
    """Allow any origin to read ``response``, also if the request has no Origin header.

    It names ANY_ORIGIN_METHODS, as the contract has them for ``/public``.
    """
    response.headers["Access-Control-Allow-Origin"] = "*"  # flask-cors then adds nothing
    response.headers["Access-Control-Allow-Methods"] = ", ".join(ANY_ORIGIN_METHODS)
    response.headers["Access-Control-Allow-Headers"] = ", ".join(ALLOWED_HEADERS)
    response.headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED_HEADERS)
    response.headers["Access-Control-Max-Age"] = str(MAX_AGE)
    return response


def exact_origin(origin: str) -> re.Pattern[str]:
    """Compile ``origin`` to match literally; flask-cors takes some strings as patterns."""
    return re.compile(re.escape(origin) + r"\Z")


def public_paths(app: Flask) -> re.Pattern[str]:
    """Compile a pattern of the paths of the public views that accept GET."""
    rules = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and getattr(app.view_functions[rule.endpoint], "access", None) == "public"
    ]
    # Each parameter of a rule is one segment of the path.
    patterns = [re.sub(r"<[^>]+>", "[^/]+", rule) for rule in rules]
    return re.compile(f"(?:{'|'.join(patterns)})\\Z")
