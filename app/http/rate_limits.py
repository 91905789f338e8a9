"""Rate limits of requests and log-ins, counted in the storage of flask-limiter's Limiter.

The default limit counts the requests of a user or an address; a view may have another limit or
none. A hit of the storage returns its window at once, which flask-limiter's decorators and strategy
would look up a second time (docs/benchmarks.md has the cost).
"""

import math
import re
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple, cast

from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, parse

from ..errors import PayloadTooLarge, RateLimited
from ..extensions import limiter
from .authentication import ROLES, View, authenticate
from .rate_limit_storage import ProcessStorage, storage_uri

WITH_PORT = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<ipv4>[0-9.]+)):\d+")  # as some proxies write
IPV6_PREFIX = 64  # bits: the smallest network that providers assign to one client


class Window(NamedTuple):
    """The current window of a limit for one client."""

    limit: RateLimitItem
    hits: int
    reset_at: float  # Unix time

    @property
    def is_exceeded(self) -> bool:
        return self.hits > self.limit.amount

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit.amount),
            "X-RateLimit-Remaining": str(max(0, self.limit.amount - self.hits)),
            "X-RateLimit-Reset": str(math.ceil(self.reset_at)),
        }

    def to_error(self) -> RateLimited:
        wait = math.ceil(self.reset_at - time.time())
        retry_after = str(min(self.limit.get_expiry(), max(1, wait)))
        return RateLimited(headers={**self.headers, "Retry-After": retry_after})


def init_app(app: Flask, redis_url: str, limits: Mapping[str, str], *, enabled: bool) -> None:
    """Check each request against ``limits``, by name, and report what is left in its response."""
    app.config["RATELIMIT_STORAGE_URI"] = storage_uri(redis_url)
    limiter.init_app(app)
    app.extensions["rate_limits"] = {name: parse(text) for name, text in limits.items()}
    app.before_request(reject_oversized_body)
    if enabled:
        app.before_request(check_request)
        app.after_request(add_headers)


@limiter.request_filter
def is_checked_here() -> bool:
    """Exempt every request from flask-limiter's own check, which would find no limits."""
    return True


def exempt(view: View) -> View:
    """Never count requests for ``view``."""
    view.limit = None  # type: ignore[attr-defined]
    return view


def limit(name: str) -> Callable[[View], View]:
    """Count requests for the view under the limit ``name`` instead of the default."""

    def decorator(view: View) -> View:
        view.limit = name  # type: ignore[attr-defined]
        return view

    return decorator


def reject_oversized_body() -> None:
    """Raise PayloadTooLarge by Content-Length, also for views that read no body."""
    if (request.content_length or 0) > current_app.config["MAX_CONTENT_LENGTH"]:
        raise PayloadTooLarge


def check_request() -> None:
    """Count the current request; preflights are exempt. Raises RateLimited."""
    view: Any = current_app.view_functions.get(request.endpoint or "")
    name = getattr(view, "limit", "default")
    if name is None or request.method == "OPTIONS":
        return
    g.window = hit(name, client_key(view))
    if g.window.is_exceeded:
        raise g.window.to_error()


def client_key(view: View | None) -> str:
    """Return the user if ``view`` requires one and it authenticates, else the address."""
    if view and view.access in ROLES:  # type: ignore[attr-defined]
        user = authenticate(view)
        if not isinstance(user, Exception):
            return f"user:{user.id}"
    return f"address:{client_address(request.remote_addr)}"


def client_address(address: str | None) -> str:
    """Return the address in one spelling and without a port; of an IPv6 client, its /64 network."""
    match = WITH_PORT.fullmatch(address or "")
    host = match["ipv6"] or match["ipv4"] if match else address or ""
    try:
        parsed = ip_address(host)
    except ValueError:
        return host
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), IPV6_PREFIX), strict=False))


def add_headers(response: Response) -> Response:
    """Add the rate limit headers to the response of a counted request.

    A response that shared caches keep has none: other clients would receive them too.
    """
    window: Window | None = g.get("window")
    is_shared = response.headers.get("Cache-Control", "").startswith("public")
    if window is not None and not is_shared and "X-RateLimit-Limit" not in response.headers:
        response.headers.extend(window.headers)
    return response


def hit(name: str, key: str, amount: int = 1) -> Window:
    """Add ``amount`` hits of ``key`` to the current window of the limit ``name``."""
    item: RateLimitItem = current_app.extensions["rate_limits"][name]
    storage = cast("ProcessStorage", limiter.storage)
    return Window(item, *storage.hit(item.key_for(name, key), item.get_expiry(), amount))


def check(name: str, key: str) -> None:
    """Raise RateLimited if ``key`` has used up the limit ``name``; counts nothing."""
    if limiter.enabled:
        window = hit(name, key, amount=0)
        if window.hits >= window.limit.amount:
            raise window.to_error()


def hit_or_raise(name: str, key: str) -> None:
    """Count a hit of ``key`` under the limit ``name``, in one step with its check.

    Raises RateLimited.
    """
    if limiter.enabled:
        window = hit(name, key)
        if window.is_exceeded:
            raise window.to_error()


def undo_hit(name: str, key: str) -> None:
    """Take back a hit that turned out not to count."""
    if limiter.enabled:
        hit(name, key, amount=-1)
