"""Which pages of other origins may read the answers.

What is public to read is open to all of them, without credentials; everything else only to the
configured ones, with credentials.
"""

import re
from collections.abc import Sequence

from flask import Flask, Response, request
from flask_cors.core import get_cors_options, set_cors_headers

EXPOSED_HEADERS = (
    "X-Request-ID",
    "X-Total-Count",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Retry-After",
    "Idempotent-Replayed",
    "Deprecation",
    "Link",
)
READ_METHODS = ["GET", "HEAD", "OPTIONS"]
ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "X-CSRF-Token",
    "X-Request-ID",
)


def init_app(app: Flask, origins: Sequence[str]) -> None:
    """Answer pages of other origins; a request that names none costs nothing."""
    common = {"expose_headers": EXPOSED_HEADERS, "allow_headers": ALLOWED_HEADERS, "max_age": 600}
    everyone = get_cors_options(
        app, common, {"origins": "*", "send_wildcard": True, "methods": READ_METHODS}
    )
    listed = get_cors_options(
        app, common, {"origins": [exact_origin(o) for o in origins], "supports_credentials": True}
    )
    open_rules = public_read_rules(app)

    @app.after_request
    def allow(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if origin is None:
            return response
        if origin in origins:
            return set_cors_headers(response, listed)
        rule = request.url_rule
        if rule is not None and rule.rule in open_rules and request.method in READ_METHODS:
            return set_cors_headers(response, everyone)
        return response


def allow_any_origin(response: Response) -> Response:
    """``response`` for pages of any origin, also where the request names none."""
    if "Origin" not in request.headers:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Methods"] = ", ".join(READ_METHODS)
        response.headers["Access-Control-Allow-Headers"] = ", ".join(ALLOWED_HEADERS)
    return response


def exact_origin(origin: str) -> re.Pattern[str]:
    """``origin`` and no other: flask-cors would take what looks like a pattern for one."""
    return re.compile(re.escape(origin) + r"\Z")


def public_read_rules(app: Flask) -> set[str]:
    """The path of every public view that reads."""
    return {
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and getattr(app.view_functions[rule.endpoint], "access", None) == "public"
    }
