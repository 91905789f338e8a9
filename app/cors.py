"""Which pages of other origins may read the answers.

What is public to read is open to all of them, without credentials; everything else only to the
configured ones, with credentials.
"""

import re
from collections.abc import Sequence

from flask import Flask
from flask_cors import CORS

EXPOSED = (
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
ALLOWED = ("Authorization", "Content-Type", "Idempotency-Key", "X-CSRF-Token", "X-Request-ID")


def init_app(app: Flask, origins: Sequence[str]) -> None:
    """Bind flask-cors twice: what is bound last speaks first, and the first to speak is heard."""
    CORS(
        app,
        resources={path: {"origins": "*", "methods": ["GET", "HEAD"]} for path in open_paths(app)},
        send_wildcard=True,
        intercept_exceptions=False,
        expose_headers=EXPOSED,
        allow_headers=ALLOWED,
    )
    CORS(
        app,
        resources={
            r"/api/.*": {"origins": [re.compile(re.escape(one) + r"\Z") for one in origins]}
        },
        supports_credentials=True,
        always_send=False,
        intercept_exceptions=False,
        expose_headers=EXPOSED,
        allow_headers=ALLOWED,
        max_age=600,
    )


def open_paths(app: Flask) -> list[str]:
    """A pattern for the path of every public view that reads."""
    return [
        "^" + re.sub(r"<[^>]*>", "[^/]+", rule.rule) + "$"
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and getattr(app.view_functions[rule.endpoint], "access", None) == "public"
    ]
