"""The clock of one service in development and testing, which all of its processes share.

A small file holds by how much the clock is moved, and how often the data was reset. Every process
maps it into its memory, so that reading the clock costs no system call, and a change holds at once
in the workers, in the worker of jobs and in the fake of Stripe.
"""

import fcntl
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .. import clock

SIZE = 16  # bytes: two native integers of 64 bits, each read and written at once
LIMIT = timedelta(days=100 * 366)  # by which the clock may be moved
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # Unix times, as Stripe's, must be positive
MICROSECOND = timedelta(microseconds=1)


class SharedClock:
    """The system's clock plus an offset, which the file ``path`` holds for all processes."""

    def __init__(self, path: str) -> None:
        file = self._path = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a+b") as content:
            if file.stat().st_size < SIZE:
                content.truncate(SIZE)
            self._values = memoryview(mmap.mmap(content.fileno(), SIZE)).cast("q")

    def now(self) -> datetime:
        """Return the current time of the service."""
        return datetime.now(UTC) + timedelta(microseconds=self._values[0])

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other requests from moving the clock, or from acting at its time, meanwhile."""
        with self._path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
            yield

    @property
    def offset(self) -> timedelta:
        """By how much the clock is ahead of the system's."""
        return timedelta(microseconds=self._values[0])

    def move_by(self, delta: timedelta) -> None:
        """Move the clock by ``delta``, also back. Raises ValueError beyond LIMIT and EARLIEST."""
        offset = self.offset + delta
        if abs(offset) > LIMIT or datetime.now(UTC) + offset < EARLIEST:
            raise ValueError("Must be after 1990, and within a hundred years of the real time.")
        self._values[0] = offset // MICROSECOND

    def restore(self) -> None:
        """Set the clock to the system's."""
        self._values[0] = 0

    @property
    def resets(self) -> int:
        """How often the data was reset."""
        return self._values[1]

    def count_reset(self) -> None:
        """Tell the other processes that the data was reset."""
        self._values[1] += 1


def install(path: str) -> SharedClock:
    """Make the clock in the file ``path`` the clock of this process, and return it."""
    shared = SharedClock(path)
    clock.source = shared.now
    return shared


def when_changed(read: Callable[[], int], act: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls ``act`` if the number ``read()`` has changed since."""
    seen = read()

    def check() -> None:
        nonlocal seen
        current = read()
        if current != seen:
            seen = current
            act()

    return check
