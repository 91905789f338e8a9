"""Rate limits of requests and log-ins, counted in the storage of flask-limiter's Limiter.

The default limit counts the requests of a user or an address; a view may have another limit or
none. The limit ``address`` counts those of an address over all of its users. A hit of the storage
returns its window at once, which flask-limiter's decorators and strategy would look up a second
time (docs/benchmarks.md has the cost).
"""

import math
import re
from collections.abc import Callable, Mapping
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from typing import Any, NamedTuple, cast

from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, parse

from .. import clock
from ..errors import PayloadTooLarge, RateLimited
from ..extensions import limiter
from .authentication import ROLES, View, authenticate
from .middleware import is_shared
from .rate_limit_storage import Hit, ProcessStorage, storage_uri

# As some proxies write.
WITH_PORT = re.compile(r"\[(?P<ipv6>[^\]]+)\](?::\d+)?|(?P<ipv4>[0-9.]+):\d+")
IPV6_PREFIX = 64  # bits: the smallest network that providers assign to one client


class Window(NamedTuple):
    """The current window of a limit for one client."""

    limit: RateLimitItem
    hits: int
    reset_at: float  # Unix time

    @property
    def remaining(self) -> int:
        """The hits that are left; negative above the limit."""
        return self.limit.amount - self.hits

    @property
    def is_exceeded(self) -> bool:
        return self.remaining < 0

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit.amount),
            "X-RateLimit-Remaining": str(max(0, self.remaining)),
            "X-RateLimit-Reset": str(math.ceil(self.reset_at)),
        }

    def to_error(self) -> RateLimited:
        wait = math.ceil(self.reset_at - clock.timestamp())
        retry_after = str(min(self.limit.get_expiry(), max(1, wait)))
        return RateLimited(headers={**self.headers, "Retry-After": retry_after})


def init_app(
    app: Flask, redis_url: str, limits: Mapping[str, str], secret: str, *, enabled: bool
) -> None:
    """Check each request against ``limits``, by name, and report what is left in its response.

    Users and addresses are counted under hashes keyed with ``secret``.
    """
    app.config["RATELIMIT_STORAGE_URI"] = storage_uri(redis_url)
    limiter.init_app(app)
    app.extensions["rate_limits"] = {name: parse(text) for name, text in limits.items()}
    hash_key = blake2b(secret.encode()).digest()
    app.extensions["rate_limit_hash"] = blake2b(key=hash_key, person=b"rate limits", digest_size=16)
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
    """Count the current request; preflights are exempt. Raises RateLimited.

    The response reports the tighter of the two windows. A request above the view's own limit does
    not count for the address, so that one account cannot use up what others at it share.
    """
    view: Any = current_app.view_functions.get(request.endpoint or "")
    name = getattr(view, "limit", "default")
    if name is None or request.method == "OPTIONS":
        return
    address = client_address(request.remote_addr)
    windows = hit({name: client_key(view, address), "address": address})
    g.window = min(windows.values(), key=lambda window: window.remaining)
    if g.window.is_exceeded:
        raise g.window.to_error()


def client_key(view: View | None, address: str) -> str:
    """Return the user if ``view`` requires one and it authenticates, else the address."""
    if view and view.access in ROLES:  # type: ignore[attr-defined]
        user = authenticate(view)
        if not isinstance(user, Exception):
            return f"user:{user.id}"
    return f"address:{address}"


def client_address(address: str | None) -> str:
    """Return the address in one spelling and without a port; of an IPv6 client, its /64 network."""
    host = parse_address(address)
    try:
        parsed = ip_address(host)
    except ValueError:
        return host
    if parsed.version == 4:
        return host
    host_bits = parsed.max_prefixlen - IPV6_PREFIX
    return f"{IPv6Address(int(parsed) >> host_bits << host_bits)}/{IPV6_PREFIX}"


def parse_address(address: str | None) -> str:
    """Return the address in one spelling and without a port."""
    match = WITH_PORT.fullmatch(address or "")
    host = match["ipv6"] or match["ipv4"] if match else address or ""
    try:
        parsed = ip_address(host)
    except ValueError:
        return host
    return str((parsed.version == 6 and parsed.ipv4_mapped) or parsed)


def add_headers(response: Response) -> Response:
    """Add the rate limit headers to the response of a counted request.

    A response that shared caches keep has none: other clients would receive them too.
    """
    window: Window | None = g.get("window")
    has_none = "X-RateLimit-Limit" not in response.headers
    if window is not None and has_none and not is_shared(response.headers):
        response.headers.extend(window.headers)
    return response


def hit(keys: Mapping[str, str], amount: int = 1) -> dict[str, Window]:
    """Add ``amount`` hits to the current window of each limit's key, in one step.

    Return the windows by the limits' names. They end with the first that is exceeded: limits after
    it are not counted. Without rate limits nothing is counted or returned.
    """
    if not limiter.enabled:
        return {}
    items = {name: current_app.extensions["rate_limits"][name] for name in keys}
    hits = [
        Hit(item.key_for(name, _hash(keys[name])), item.get_expiry(), amount, item.amount)
        for name, item in items.items()
    ]
    windows = cast("ProcessStorage", limiter.storage).hit(hits)
    return {
        name: Window(items[name], *window) for name, window in zip(items, windows, strict=False)
    }


def hit_or_raise(name: str, key: str) -> None:
    """Count a hit of ``key`` under the limit ``name``. Raises RateLimited."""
    for window in hit({name: key}).values():
        if window.is_exceeded:
            raise window.to_error()


def _hash(key: str) -> str:
    """Return the name of a user, an e-mail or an address in the storage."""
    keyed = current_app.extensions["rate_limit_hash"].copy()
    keyed.update(key.encode("utf-8", "surrogatepass"))
    return str(keyed.hexdigest())
