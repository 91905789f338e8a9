"""The time between SIGTERM and the end: readiness fails first, so that routers look elsewhere.

The state belongs to the instance: the master's memory, shared with the workers that it forks.
"""

import logging
import mmap
import os
import signal
from collections.abc import Callable
from threading import Timer

log = logging.getLogger(__name__)

SERVING, DRAINING, STOPPING = 0, 1, 2
_state = mmap.mmap(-1, 1)


def is_draining() -> bool:
    """Return whether the instance will stop soon, or stops."""
    return _state[0] != SERVING


def is_stopping() -> bool:
    """Return whether the time to drain is over."""
    return _state[0] == STOPPING


def begin(seconds: float) -> bool:
    """Begin to drain and repeat SIGTERM after ``seconds``; return False if it is time to stop.

    It is for the master: a second SIGTERM stops at once.
    """
    if seconds <= 0 or is_draining():
        _state[0] = STOPPING
        return False
    _state[0] = DRAINING
    log.info("draining for %s s", seconds)
    call_later(seconds, lambda: os.kill(os.getpid(), signal.SIGTERM))
    return True


def call_later(seconds: float, function: Callable[[], None]) -> None:
    """Call ``function`` at once, or later in a thread that does not keep the process alive."""
    if not seconds:
        function()
        return
    timer = Timer(seconds, function)
    timer.daemon = True
    timer.start()
