"""``python -m app.dev.fake_stripe PORT WEBHOOK_URL SECRET [CLOCK_FILE]``: a process of its own.

It ends on Ctrl-C, on SIGTERM and with the process that started it. All state is in memory.
"""

import os
import signal
import sys
import threading
from types import FrameType

from .. import shared_clock
from .delivery import Delivery
from .server import StripeServer

MAX_PAYMENTS = 10_000
PARENT_CHECK_INTERVAL = 1  # seconds


def main(port: int, webhook_url: str, secret: str, clock_file: str = "") -> None:
    """Serve on ``port``, and send events to ``webhook_url``, signed with ``secret``.

    ``clock_file`` is the clock of the service (``shared_clock``).
    """
    if clock_file:
        shared_clock.install(clock_file)
    stopped = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, stop)
    server = StripeServer(port, max_payments=MAX_PAYMENTS)
    server.secret = secret
    delivery = Delivery(webhook_url, server.sign_event)
    server.on_event, server.on_clear = delivery.send, delivery.clear
    parent = os.getppid()
    with server:
        while os.getppid() == parent and not stopped.wait(PARENT_CHECK_INTERVAL):
            pass


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
