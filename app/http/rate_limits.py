"""Rate limits: what a client did in a window of time, counted in Redis or in this process.

Without flask-limiter: it cost a third of a request, took any error for Redis being away, and is one
for all apps of a process. How a limit is written is read by ``limits``, which it is made of.
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
from .authentication import View, caller

log = logging.getLogger(__name__)


class Window(NamedTuple):
    """How far a limit is used up, and when (seconds since 1970) it begins anew."""

    limit: RateLimitItem
    used: int
    reset_at: float

    @property
    def over(self) -> bool:
        return self.used > self.limit.amount

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit.amount),
            "X-RateLimit-Remaining": str(max(0, self.limit.amount - self.used)),
            "X-RateLimit-Reset": str(math.ceil(self.reset_at)),
        }

    @property
    def refusal(self) -> RateLimited:
        wait = math.ceil(self.reset_at - time.time())
        retry_after = str(min(self.limit.get_expiry(), max(1, wait)))
        return RateLimited(headers={**self.headers, "Retry-After": retry_after})


class Memory:
    """Counts in this process; those whose time is over are dropped now and then."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.windows: dict[str, tuple[int, float]] = {}
        self.sweep_at = 1000

    def add(self, key: str, seconds: int, amount: int) -> tuple[int, float]:
        now = time.time()
        with self.lock:
            count, reset_at = self.windows.get(key, (0, 0.0))
            if reset_at <= now:
                count, reset_at = 0, now + seconds
            self.windows[key] = (count + amount, reset_at)
            if len(self.windows) > self.sweep_at:
                self.windows = {k: w for k, w in self.windows.items() if w[1] > now}
                self.sweep_at = max(1000, 2 * len(self.windows))
        return count + amount, reset_at


class Redis:
    """Counts in Redis, for all processes, in one round trip; raises what its client raises."""

    ADD = """
        local count = redis.call('INCRBY', KEYS[1], ARGV[2])
        if count == tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
        return {count, redis.call('PTTL', KEYS[1])}
    """

    def __init__(self, url: str) -> None:
        client = redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self.script = client.register_script(self.ADD)

    def add(self, key: str, seconds: int, amount: int) -> tuple[int, float]:
        count, milliseconds = self.script([f"limits/{key}"], [seconds, amount])
        return count, time.time() + milliseconds / 1000


class Limiter:
    """An app's counting: in Redis where that is set and answers, else in memory."""

    RETRY = 5  # seconds until Redis is tried again

    def __init__(self, redis_url: str, written: Mapping[str, str], *, enabled: bool) -> None:
        self.enabled = enabled
        self.limits = {name: parse(text) for name, text in written.items()}
        self.memory = Memory()
        self.redis: Redis | None = None
        self.redis_back_at = 0.0
        if redis_url:
            self.redis = Redis(redis_url)

    def add(self, name: str, key: str, amount: int = 1) -> Window:
        """Count ``amount`` more of ``key`` under the limit ``name``, and say where that leads."""
        limit, key = self.limits[name], f"{name}/{key}"
        if self.redis and time.time() >= self.redis_back_at:
            try:
                return Window(limit, *self.redis.add(key, limit.get_expiry(), amount))
            except redis.RedisError as error:
                self.redis_back_at = time.time() + self.RETRY
                log.warning("Redis is away; limits hold for this process: %s", type(error).__name__)
        return Window(limit, *self.memory.add(key, limit.get_expiry(), amount))


def init_app(app: Flask, redis_url: str, written: Mapping[str, str], *, enabled: bool) -> None:
    """Count every request; on the way out say how many are left. ``written``: limits by name."""
    app.extensions["limiter"] = Limiter(redis_url, written, enabled=enabled)
    app.before_request(refuse_oversized)
    app.before_request(count_request)
    app.after_request(say_limit)


def exempt(view: View) -> View:
    """Never count requests for ``view``."""
    view.limit = None  # type: ignore[attr-defined]
    return view


def limited(name: str) -> Callable[[View], View]:
    """Count requests for a view under a limit of its own."""

    def decorator(view: View) -> View:
        view.limit = name  # type: ignore[attr-defined]
        return view

    return decorator


def refuse_oversized() -> None:
    """Refuse a body that nobody would read to its end, also where nobody reads it."""
    if (request.content_length or 0) > current_app.config["MAX_CONTENT_LENGTH"]:
        raise PayloadTooLarge


def count_request() -> None:
    """One more of the client's; preflights are the browser's doing."""
    limiter = current_limiter()
    view: Any = current_app.view_functions.get(request.endpoint or "")
    limit = getattr(view, "limit", "default")
    if limit is None or not limiter.enabled or request.method == "OPTIONS":
        return
    g.window = limiter.add(limit, caller(view))
    if g.window.over:
        raise g.window.refusal


def say_limit(response: Response) -> Response:
    """The headers of an answer that was limited."""
    window: Window | None = g.get("window")
    if window is not None and "X-RateLimit-Limit" not in response.headers:
        response.headers.extend(window.headers)
    return response


def require_below(name: str, key: str) -> None:
    """Refuse where ``key`` was counted as often as the limit ``name`` allows."""
    limiter = current_limiter()
    window = limiter.add(name, key, amount=0)
    if window.used >= window.limit.amount and limiter.enabled:
        raise window.refusal


def count(name: str, key: str) -> None:
    """Count one more of ``key`` under the limit ``name``."""
    current_limiter().add(name, key)


def current_limiter() -> Limiter:
    return current_app.extensions["limiter"]
