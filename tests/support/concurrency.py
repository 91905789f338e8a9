"""Waiting for conditions, and running calls at the same moment."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

TIMEOUT = 30  # seconds after which waiting counts as a failure


def wait_until(condition, timeout=TIMEOUT):
    """Return the first true result of ``condition()``; fail after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"{condition} was not true within {timeout} s")


def run_concurrently(function, times):
    """Start ``function(0)``, ``function(1)``, … at the same moment and return their results."""
    ready = threading.Barrier(times)

    def call(number):
        ready.wait(TIMEOUT)
        return function(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(call, range(times)))
