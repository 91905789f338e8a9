"""The storages of the rate limiter: counters in this process, or in Redis for all processes.

Registered with ``limits`` by their URI schemes, and loaded by flask-limiter. Four things differ
from the storages of ``limits``: several keys are counted in one step; a hit also returns when its
window ends, so that the headers of a response need no second look; the memory storage starts no
timer threads; and the Redis storage counts in memory while Redis is unavailable, for which only
Redis's own errors are taken.
"""

import logging
import re
import time
from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import redis
from limits.storage import Storage

from .. import clock
from .measurements import LIMITER_FALLBACKS

log = logging.getLogger(__name__)

SCHEMES = ("redis", "rediss", "unix")
# Those that cannot fail in the middle of a request, and that leave our timeouts as they are.
PARAMETERS = {
    "db", "client_name", "protocol", "health_check_interval", "socket_keepalive",
    "retry_on_timeout", "max_connections", "ssl_cert_reqs", "ssl_check_hostname", "ssl_ca_certs",
    "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_password",
}  # fmt: skip
DATABASE = re.compile(r"(/\d*)?", re.ASCII)  # the path
MALFORMED = "is not a valid URL: escape the special characters of the password, such as %40."


def url_error(url: str) -> str | None:
    """Return why ``url`` is not one of a Redis, without its secrets; None if it is.

    Nothing is connected. The parts of a URL whose password is not escaped are in the wrong place.
    """
    try:
        parts = urlsplit(url)
        unsupported = set(parse_qs(parts.query, keep_blank_values=True)) - PARAMETERS
        is_split_wrong = "@" in parts.path + parts.query or parts.fragment
        if is_split_wrong or (parts.scheme != "unix" and not DATABASE.fullmatch(parts.path)):
            return MALFORMED
        if unsupported:
            names = ", ".join(sorted(unsupported))
            return f"has parameters that are not supported: {names}. Remove them."
        with redis.from_url(url) as client:
            pool = client.connection_pool
            pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError, redis.RedisError):
        return "is not a valid URL of Redis: check its port, database and parameters."
    return None


def storage_uri(redis_url: str) -> str:
    """Return the URI of the storage for ``redis_url``; of the memory storage if it is empty."""
    return f"shared+{redis_url}" if redis_url else "process://"


class Hit(NamedTuple):
    """Hits to add to the current window of a key."""

    key: str
    expiry: int  # seconds that a new window lasts
    amount: int  # 0 counts nothing, a negative number takes hits back
    limit: int = 0  # above it the hits that follow are not counted; unused for the last one


class ProcessStorage(Storage):
    """Fixed windows in the memory of this process; past ones are dropped now and then."""

    STORAGE_SCHEME = ["process"]  # noqa: RUF012 (as limits declares it)
    SWEEP_SIZE = 1000  # windows

    def __init__(self, uri: str | None = None, **options: str) -> None:
        super().__init__(uri)
        self.lock = Lock()
        self.windows: dict[str, tuple[int, float]] = {}
        self.sweep_size = self.SWEEP_SIZE

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError  # required by limits; counting in memory raises nothing

    def hit(self, hits: Sequence[Hit]) -> list[tuple[int, float]]:
        """Add ``hits`` in order, up to the first one that is above its limit.

        Return the hits of each window and when it ends (Unix time).
        """
        now, windows = clock.timestamp(), []
        with self.lock:
            for hit in hits:
                windows.append(self._add(hit, now))
                if windows[-1][0] > hit.limit and hit.amount > 0:
                    break
            if len(self.windows) > self.sweep_size:
                self.windows = {k: w for k, w in self.windows.items() if w[1] > now}
                self.sweep_size = max(self.SWEEP_SIZE, 2 * len(self.windows))
        return windows

    def _add(self, hit: Hit, now: float) -> tuple[int, float]:
        count, reset_at = self.windows.get(hit.key, (0, 0.0))
        if not now < reset_at <= now + hit.expiry:  # later: the clock was set back
            count, reset_at = 0, now + hit.expiry
        window = max(0, count + hit.amount), reset_at
        if window[0]:
            self.windows[hit.key] = window
        else:
            self.windows.pop(hit.key, None)
        return window

    def window(self, key: str) -> tuple[int, float]:
        """Return the hits of the current window and when it ends."""
        hits, reset_at = self.windows.get(key, (0, 0.0))
        now = clock.timestamp()
        return (hits, reset_at) if reset_at > now else (0, now)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self.hit([Hit(key, expiry, amount)])[0][0]

    def get(self, key: str) -> int:
        return self.window(key)[0]

    def get_expiry(self, key: str) -> float:
        return self.window(key)[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        count = len(self.windows)
        self.windows.clear()
        return count

    def clear(self, key: str) -> None:
        self.windows.pop(key, None)


class SharedStorage(ProcessStorage):
    """Fixed windows in Redis, one round trip a step; in memory while Redis is unavailable."""

    STORAGE_SCHEME = [f"shared+{scheme}" for scheme in SCHEMES]  # noqa: RUF012
    RETRY_DELAY = 5  # seconds until Redis is tried again
    TIMEOUT = 1  # seconds
    HIT_SCRIPT = """
        local windows = {}
        for number, key in ipairs(KEYS) do
            local expiry = tonumber(ARGV[3 * number - 2])
            local amount = tonumber(ARGV[3 * number - 1])
            local count, left = 0, expiry * 1000
            if amount > 0 or redis.call('EXISTS', key) == 1 then
                count = redis.call('INCRBY', key, amount)
                if count <= 0 then
                    redis.call('DEL', key)
                    count = 0
                else
                    if count == amount then redis.call('EXPIRE', key, expiry) end
                    left = redis.call('PTTL', key)
                end
            end
            windows[number] = {count, left}
            if amount > 0 and count > tonumber(ARGV[3 * number]) then break end
        end
        return windows
    """

    def __init__(self, uri: str, **options: str) -> None:
        super().__init__(uri)
        self.client = redis.from_url(
            uri.removeprefix("shared+"),
            socket_timeout=self.TIMEOUT,
            socket_connect_timeout=self.TIMEOUT,
        )
        self.script = self.client.register_script(self.HIT_SCRIPT)
        self.retry_at = 0.0

    def hit(self, hits: Sequence[Hit]) -> list[tuple[int, float]]:
        return self._hit_redis(hits) or super().hit(hits)

    def _hit_redis(self, hits: Sequence[Hit]) -> list[tuple[int, float]] | None:
        """Count in Redis; return None while it is unavailable."""
        if time.monotonic() < self.retry_at:
            return None
        try:
            windows = self.script(
                [f"limits/{hit.key}" for hit in hits],
                [number for hit in hits for number in (hit.expiry, hit.amount, hit.limit)],
            )
            now = clock.timestamp()
            return [(count, now + milliseconds / 1000) for count, milliseconds in windows]
        except redis.RedisError as error:
            self.retry_at = time.monotonic() + self.RETRY_DELAY
            LIMITER_FALLBACKS.inc()
            reason = type(error).__name__
            log.warning("Redis is unavailable; limits hold for this process: %s", reason)
            return None

    def window(self, key: str) -> tuple[int, float]:
        return self.hit([Hit(key, expiry=1, amount=0)])[0]

    def check(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False
