"""The storages of the rate limiter: counters in this process, or in Redis for all processes.

Registered with ``limits`` by their URI schemes, and loaded by flask-limiter. Three things differ
from the storages of ``limits``: a hit also returns when its window ends, so that the headers of a
response need no second look; the memory storage starts no timer threads; and the Redis storage
counts in memory while Redis is unavailable, for which only Redis's own errors are taken.
"""

import logging
import time
from threading import Lock

import redis
from limits.storage import Storage

log = logging.getLogger(__name__)

SCHEMES = ("redis", "rediss", "unix")


def storage_uri(redis_url: str) -> str:
    """Return the URI of the storage for ``redis_url``; of the memory storage if it is empty."""
    return f"shared+{redis_url}" if redis_url else "process://"


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

    def hit(self, key: str, expiry: int, amount: int) -> tuple[int, float]:
        """Add ``amount`` to the window of ``key``; return its hits and when it ends (Unix time).

        ``expiry`` is the length of a new window in seconds.
        """
        now = time.time()
        with self.lock:
            hits, reset_at = self.windows.get(key, (0, 0.0))
            if reset_at <= now:
                hits, reset_at = 0, now + expiry
            hits = max(0, hits + amount)
            self.windows[key] = (hits, reset_at)
            if len(self.windows) > self.sweep_size:
                self.windows = {k: w for k, w in self.windows.items() if w[1] > now}
                self.sweep_size = max(self.SWEEP_SIZE, 2 * len(self.windows))
        return hits, reset_at

    def window(self, key: str) -> tuple[int, float]:
        """Return the hits of the current window and when it ends."""
        hits, reset_at = self.windows.get(key, (0, 0.0))
        now = time.time()
        return (hits, reset_at) if reset_at > now else (0, now)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self.hit(key, expiry, amount)[0]

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
    """Fixed windows in Redis, one round trip a hit; in memory while Redis is unavailable."""

    STORAGE_SCHEME = [f"shared+{scheme}" for scheme in SCHEMES]  # noqa: RUF012
    RETRY_DELAY = 5  # seconds until Redis is tried again
    TIMEOUT = 1  # seconds
    HIT_SCRIPT = """
        if tonumber(ARGV[2]) < 1 and redis.call('EXISTS', KEYS[1]) == 0 then
            return {0, tonumber(ARGV[1]) * 1000}
        end
        local count = redis.call('INCRBY', KEYS[1], ARGV[2])
        if count == tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
        return {count, redis.call('PTTL', KEYS[1])}
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

    def hit(self, key: str, expiry: int, amount: int) -> tuple[int, float]:
        return self._hit_redis(key, expiry, amount) or super().hit(key, expiry, amount)

    def _hit_redis(self, key: str, expiry: int, amount: int) -> tuple[int, float] | None:
        """Count in Redis; return None while it is unavailable."""
        if time.time() < self.retry_at:
            return None
        try:
            hits, milliseconds = self.script([f"limits/{key}"], [expiry, amount])
            return hits, time.time() + milliseconds / 1000
        except redis.RedisError as error:
            self.retry_at = time.time() + self.RETRY_DELAY
            reason = type(error).__name__
            log.warning("Redis is unavailable; limits hold for this process: %s", reason)
            return None

    def window(self, key: str) -> tuple[int, float]:
        return self.hit(key, expiry=1, amount=0)

    def check(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False
