"""Shared by tests: redis_server."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable

import redis


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def poll(until: Callable[[], bool], seconds: float) -> None:
    """Wait until ``until()``; fails where it takes more than ``seconds``."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


class Redis:
    """A real server that can be killed and started again at the same address."""

    def __init__(self, binary: str, folder: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        quiet = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        self.command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", *quiet]
        self.folder = folder
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        poll(self.answers, 5)

    def answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), redis.from_url(self.url) as client:
            return client.ping()
        return False

    def counts(self) -> int:
        """How many counters it keeps."""
        with redis.from_url(self.url) as client:
            return client.dbsize()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
