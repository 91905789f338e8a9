"""Cross-origin requests.

Pages of any origin may read public responses, without credentials; all other responses are for the
configured origins, with credentials.
"""

import re
from collections.abc import Sequence

from flask import Flask, Response, request
from flask_cors.core import FLASK_CORS_EVALUATED, get_cors_options, set_cors_headers

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
ANY_ORIGIN_METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS"]
MAX_AGE = 600  # seconds that a browser may keep the response to a preflight
ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "X-CSRF-Token",
    "X-Request-ID",
)


def init_app(app: Flask, origins: Sequence[str]) -> None:
    """Add the CORS headers to responses, for the configured ``origins`` and for public reads."""
    common = {
        "expose_headers": EXPOSED_HEADERS,
        "allow_headers": ALLOWED_HEADERS,
        "max_age": MAX_AGE,
    }
    any_origin = get_cors_options(
        app, common, {"origins": "*", "send_wildcard": True, "methods": READ_METHODS}
    )
    configured = get_cors_options(
        app, common, {"origins": [exact_origin(o) for o in origins], "supports_credentials": True}
    )
    public_rules = public_read_rules(app)

    @app.after_request
    def add_cors_headers(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if origin is None:
            return response
        if origin in origins:
            return set_cors_headers(response, configured)
        rule = request.url_rule
        if rule is not None and rule.rule in public_rules and request.method in READ_METHODS:
            return set_cors_headers(response, any_origin)
        return response


def allow_any_origin(response: Response) -> Response:
    """Allow any origin to read ``response``, also if the request has no Origin header.

    It names ANY_ORIGIN_METHODS, as the contract has them for ``/public``.
    """
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Methods"] = ", ".join(ANY_ORIGIN_METHODS)
    response.headers["Access-Control-Allow-Headers"] = ", ".join(ALLOWED_HEADERS)
    response.headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED_HEADERS)
    response.headers["Access-Control-Max-Age"] = str(MAX_AGE)
    setattr(response, FLASK_CORS_EVALUATED, True)  # or flask-cors would add some of these again
    return response


def exact_origin(origin: str) -> re.Pattern[str]:
    """Compile ``origin`` to match literally; flask-cors takes some strings as patterns."""
    return re.compile(re.escape(origin) + r"\Z")


def public_read_rules(app: Flask) -> set[str]:
    """Return the paths of the public views that accept GET."""
    return {
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and getattr(app.view_functions[rule.endpoint], "access", None) == "public"
    }
