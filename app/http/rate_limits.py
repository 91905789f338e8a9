"""Rate limits: requests of a client in a window of time, counted in Redis or in this process.

Made of the ``limits`` package, which flask-limiter stands on. flask-limiter itself cost a third of
a request, took any error for an unavailable Redis, and held one state for all apps of a process.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, NamedTuple

import redis
from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, parse

from ..errors import PayloadTooLarge, RateLimited
from .authentication import View, rate_limit_key

log = logging.getLogger(__name__)


class WindowStats(NamedTuple):
    """The hits in a limit's current window, and the Unix time in seconds when it ends."""

    limit: RateLimitItem
    hits: int
    reset_at: float

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


class MemoryStorage:
    """Counters of this process; those of past windows are dropped now and then."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.windows: dict[str, tuple[int, float]] = {}
        self.sweep_at = 1000

    def hit(self, key: str, seconds: int, amount: int) -> tuple[int, float]:
        """Add ``amount`` to a window of ``seconds``; return its hits and when it ends."""
        now = time.time()
        with self.lock:
            hits, reset_at = self.windows.get(key, (0, 0.0))
            if reset_at <= now:
                hits, reset_at = 0, now + seconds
            self.windows[key] = (hits + amount, reset_at)
            if len(self.windows) > self.sweep_at:
                self.windows = {k: w for k, w in self.windows.items() if w[1] > now}
                self.sweep_at = max(1000, 2 * len(self.windows))
        return hits + amount, reset_at


class RedisStorage:
    """Counters in Redis, shared by all processes; one round trip a hit. Raises redis.RedisError."""

    HIT_SCRIPT = """
        local count = redis.call('INCRBY', KEYS[1], ARGV[2])
        if count == tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
        return {count, redis.call('PTTL', KEYS[1])}
    """

    def __init__(self, url: str) -> None:
        client = redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self.script = client.register_script(self.HIT_SCRIPT)

    def hit(self, key: str, seconds: int, amount: int) -> tuple[int, float]:
        """Add ``amount`` to a window of ``seconds``; return its hits and when it ends."""
        hits, milliseconds = self.script([f"limits/{key}"], [seconds, amount])
        return hits, time.time() + milliseconds / 1000


class Limiter:
    """An app's limits, counted in Redis if it is configured and available, else in memory."""

    REDIS_RETRY_DELAY = 5  # seconds

    def __init__(self, redis_url: str, limits: Mapping[str, str], *, enabled: bool) -> None:
        self.enabled = enabled
        self.limits = {name: parse(text) for name, text in limits.items()}
        self.memory = MemoryStorage()
        self.redis = RedisStorage(redis_url) if redis_url else None
        self.redis_retry_at = 0.0

    def hit(self, name: str, key: str, amount: int = 1) -> WindowStats:
        """Add ``amount`` hits of ``key`` under the limit ``name``."""
        limit, key = self.limits[name], f"{name}/{key}"
        if self.redis and time.time() >= self.redis_retry_at:
            try:
                return WindowStats(limit, *self.redis.hit(key, limit.get_expiry(), amount))
            except redis.RedisError as error:
                self.redis_retry_at = time.time() + self.REDIS_RETRY_DELAY
                reason = type(error).__name__
                log.warning("Redis is unavailable; limits hold for this process: %s", reason)
        return WindowStats(limit, *self.memory.hit(key, limit.get_expiry(), amount))


def init_app(app: Flask, redis_url: str, limits: Mapping[str, str], *, enabled: bool) -> None:
    """Check each request against ``limits``, by name, and report what is left in its response."""
    app.extensions["limiter"] = Limiter(redis_url, limits, enabled=enabled)
    app.before_request(reject_oversized_body)
    app.before_request(check_request)
    app.after_request(add_headers)


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
    limiter = current_limiter()
    view: Any = current_app.view_functions.get(request.endpoint or "")
    name = getattr(view, "limit", "default")
    if name is None or not limiter.enabled or request.method == "OPTIONS":
        return
    g.window = limiter.hit(name, rate_limit_key(view))
    if g.window.is_exceeded:
        raise g.window.to_error()


def add_headers(response: Response) -> Response:
    """Add the rate limit headers to the response of a counted request."""
    window: WindowStats | None = g.get("window")
    if window is not None and "X-RateLimit-Limit" not in response.headers:
        response.headers.extend(window.headers)
    return response


def check(name: str, key: str) -> None:
    """Raise RateLimited if ``key`` has used up the limit ``name``; counts nothing."""
    limiter = current_limiter()
    window = limiter.hit(name, key, amount=0)
    if window.hits >= window.limit.amount and limiter.enabled:
        raise window.to_error()


def hit_or_raise(name: str, key: str) -> None:
    """Count a hit of ``key`` under the limit ``name``, in one step with its check.

    Raises RateLimited.
    """
    limiter = current_limiter()
    window = limiter.hit(name, key)
    if window.is_exceeded and limiter.enabled:
        raise window.to_error()


def undo_hit(name: str, key: str) -> None:
    """Take back a hit that turned out not to count."""
    current_limiter().hit(name, key, amount=-1)


def current_limiter() -> Limiter:
    return current_app.extensions["limiter"]
