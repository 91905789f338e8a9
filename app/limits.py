"""Rate limits: flask-limiter's counting, under the contract's headers.

A limit counts against the client as a whole, whatever it asks for: the user where one is known,
else the address. Without Redis, or while it is away, each process counts for itself.
"""

import math
import time
from typing import Any

from flask import Flask, Response, current_app, request
from limits import RateLimitItem

from .errors import PayloadTooLarge, RateLimited
from .extensions import limiter


def init_app(app: Flask) -> None:
    """Count every request; on the way out say how many are left."""
    app.before_request(refuse_oversized)
    app.after_request(say_limit)
    limiter.init_app(app)


def refuse_oversized() -> None:
    """Refuse a body that nobody would read to its end, also where nobody reads it."""
    if (request.content_length or 0) > current_app.config["MAX_CONTENT_LENGTH"]:
        raise PayloadTooLarge


@limiter.request_filter
def is_preflight() -> bool:
    """A browser asks before a page does; that is not the client's doing."""
    return request.method == "OPTIONS"


def say_limit(response: Response) -> Response:
    """The headers of an answer that was limited."""
    current = limiter.current_limit
    if current is not None:
        try:
            said = _headers(current.limit, current.remaining, current.reset_at)
        except limiter.storage.base_exceptions:
            return response  # Redis went away since it counted
        for name, value in said.items():
            if name not in response.headers and (name != "Retry-After" or current.breached):
                response.headers[name] = value
    return response


def require_below(limit: RateLimitItem, *key: str) -> None:
    """Refuse where what ``key`` names was counted as often as ``limit`` allows."""
    if limiter.enabled and not limiter.limiter.test(limit, *key):
        window = limiter.limiter.get_window_stats(limit, *key)
        raise RateLimited(headers=_headers(limit, window.remaining, window.reset_time))


def count(limit: RateLimitItem, *key: str) -> None:
    """Count one more of what ``key`` names."""
    if limiter.enabled:
        limiter.limiter.hit(limit, *key)


def _headers(limit: RateLimitItem, remaining: int, reset_at: float) -> dict[str, Any]:
    return {
        "X-RateLimit-Limit": str(limit.amount),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(math.ceil(reset_at)),
        "Retry-After": str(min(limit.get_expiry(), max(1, math.ceil(reset_at - time.time())))),
    }
