"""A real redis-server."""

import contextlib
import subprocess

import redis

from .concurrency import wait_until
from .processes import free_port


class RedisServer:
    """A redis-server that can be killed and started again at the same address."""

    def __init__(self, binary: str, folder: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        options = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        self.command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", *options]
        self.folder = folder
        self.start()

    def start(self) -> None:
        """Start the server and wait until it responds."""
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self.is_ready, 5)

    def is_ready(self) -> bool:
        """Return whether the server responds to a ping."""
        with contextlib.suppress(redis.RedisError), redis.from_url(self.url) as client:
            return client.ping()
        return False

    def count_keys(self) -> int:
        """Return the number of stored keys, one for each counter."""
        with redis.from_url(self.url) as client:
            return client.dbsize()

    def keys(self) -> list[str]:
        """Return the names of all counters."""
        with redis.from_url(self.url, decode_responses=True) as client:
            return list(client.scan_iter())

    def count_scripts(self) -> int:
        """Return how often a script was called."""
        with redis.from_url(self.url) as client:
            return client.info("commandstats")["cmdstat_evalsha"]["calls"]

    def kill(self) -> None:
        """Kill the server."""
        self.process.kill()
        self.process.wait()
