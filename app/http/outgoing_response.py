"""The bytes of a response that its client has not read yet, so that no thread waits for it."""

import errno
import time
from typing import Any

MAX_BUFFERED = 6 * 1024 * 1024  # bytes: more than any file or document; only streams have more
SEND_TIMEOUT = 30.0  # seconds that a client may delay a response in all
MIN_RATE = 16 * 1024  # bytes per second of a large response


class OutgoingSocket:
    """A client's socket, as a thread sees it: what the client does not read at once is buffered.

    The event loop sends the rest when the thread has finished. A thread waits only for a client
    that reads a long stream more slowly than it is produced, and in all for SEND_TIMEOUT and the
    time that the bytes take at MIN_RATE.
    """

    def __init__(self, sock: Any) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.unsent = bytearray()
        self.patience = SEND_TIMEOUT  # seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    def sendall(self, data: Any) -> None:
        """Send or buffer ``data``. Raises BrokenPipeError for a client that reads too slowly."""
        self.unsent += data
        self.send_buffered()
        if len(self.unsent) > MAX_BUFFERED:
            self._send_waiting()

    def send(self, data: Any) -> int:
        """Do the same, and return the number of bytes."""
        self.sendall(data)
        return len(data)

    def send_buffered(self) -> None:
        """Send what the client takes without waiting for it."""
        try:
            while self.unsent:
                del self.unsent[: self.sock.send(self.unsent)]
        except BlockingIOError:
            pass

    def _send_waiting(self) -> None:
        """Send everything, and wait for the client."""
        started = time.monotonic()
        self.patience += len(self.unsent) / MIN_RATE
        self.sock.settimeout(max(0.001, self.patience))
        try:
            self.sock.sendall(self.unsent)  # the time-out counts for the whole call
        except TimeoutError:
            raise BrokenPipeError(errno.EPIPE, "the client reads too slowly") from None
        finally:
            self.patience -= time.monotonic() - started
            self.unsent.clear()
            self.sock.setblocking(False)
