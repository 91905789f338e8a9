"""gunicorn's threaded worker, which receives a request completely before a thread takes it.

gunicorn's own worker reads head and body in a thread, so that as many slow clients as it has
threads stop the service. Here the event loop receives them: in memory, larger ones in a temporary
file. A request has a total time for its head and its body, and the worker has a limit for the
bytes of unfinished requests. The reasons are in docs/decisions/0020.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from select import select
from selectors import EVENT_READ
from socket import SHUT_WR
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from .incoming_request import IncomingRequest, ReceivedUnreader

log = logging.getLogger(__name__)

MAX_UNFINISHED = 256 * 1024 * 1024  # bytes of all requests that a worker is receiving
READ_SIZE = 64 * 1024  # bytes
LINGER = 2.0  # seconds until a connection is closed whose client does not close it


class BufferingWorker(ThreadWorker):
    """A ThreadWorker whose threads get a request only after it has arrived.

    ``waiting`` has the connections that receive a request or are about to be closed, the oldest
    first, each with the time at which it is given up.
    """

    request_timeout: float = 10.0  # seconds for a head with a small body

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: dict[Any, float] = {}
        self.unfinished = 0  # bytes of the requests that are being received
        self.next_check = 0.0

    # Receiving

    def enqueue_req(self, conn: Any) -> None:
        """Receive a request of ``conn``, and then let a thread handle it."""
        surplus = getattr(conn, "surplus", b"")
        conn.incoming, conn.unfinished = IncomingRequest(self.request_timeout), 0
        conn.surplus = b""
        if conn.cfg.is_ssl:  # gunicorn's own way: the bytes have to be decrypted first
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        if surplus:
            self._feed(conn, surplus)
        else:
            self._receive(conn)

    def _receive(self, conn: Any) -> None:
        """Read what has arrived; give the request to a thread once it is complete."""
        try:
            data = conn.sock.recv(READ_SIZE)
        except BlockingIOError:
            self._wait_for_rest(conn)
            return
        except OSError:
            data = b""
        if data:
            self._feed(conn, data)
        elif conn.incoming.has_head:
            self._dispatch(conn)  # the body has ended early, which the app reports
        else:
            self._drop(conn)

    def _feed(self, conn: Any, data: bytes) -> None:
        request = conn.incoming
        try:
            conn.surplus = request.feed(data)
        except OSError:
            log.exception("a request could not be stored")
            self._reject(conn, 503, "")
            return
        if request.is_complete:
            self._dispatch(conn)
            return
        self._wait_for_rest(conn)
        if request.is_too_long:
            self._reject(conn, 400, "The request line and headers are too long.")
        elif self.unfinished > MAX_UNFINISHED:
            self._reject(conn, 503, "")
        elif request.expects_continue:
            request.expects_continue = False
            self._send(conn, partial(util.write, data=b"HTTP/1.1 100 Continue\r\n\r\n"))

    def _wait_for_rest(self, conn: Any) -> None:
        if conn not in self.waiting:
            self._wait(conn, self._receive, conn.incoming.deadline)
        self.waiting[conn] = conn.incoming.deadline
        self.unfinished += conn.incoming.length - conn.unfinished
        conn.unfinished = conn.incoming.length

    def _dispatch(self, conn: Any) -> None:
        """Let a thread handle the request that has been received."""
        self._stop_waiting(conn)
        conn.sock.setblocking(True)
        conn.init()
        conn.parser.unreader = ReceivedUnreader(conn.sock, conn.incoming)
        super().enqueue_req(conn)

    def _reject(self, conn: Any, status: int, reason: str) -> None:
        """Answer a request that is not received to its end, and close its connection."""
        self._send(conn, partial(util.write_error, status_int=status, reason=reason, mesg=""))
        self._linger(conn)

    def _send(self, conn: Any, write: Callable[[Any], None]) -> None:
        with suppress(OSError):  # the client has left, which the next read finds
            write(conn.sock)

    # Finishing

    def finish_request(self, conn: Any, future: Future[Any]) -> None:
        """Wait for the next request, or close the connection, without blocking the loop."""
        keeps_alive = not future.cancelled() and not future.exception() and future.result()
        if keeps_alive and not conn.cfg.is_ssl:
            keeps_alive = conn.parser.unreader.is_exhausted  # else the next one begins elsewhere
        conn.incoming.close()
        if not keeps_alive:
            self._linger(conn)
            return
        super().finish_request(conn, future)
        if conn.surplus and conn in self.keepalived_conns:
            self.on_client_socket_readable(conn, conn.sock)

    def _linger(self, conn: Any) -> None:
        """Wait for the client to close; closing first could make it lose the response.

        Source: RFC 9112, 9.6.
        """
        self._wait(conn, self._drain, time.monotonic() + LINGER)
        try:
            conn.sock.shutdown(SHUT_WR)
        except OSError:
            self._drop(conn)

    def _drain(self, conn: Any) -> None:
        try:
            data = conn.sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)

    # Waiting

    def _wait(self, conn: Any, callback: Callable[[Any], None], deadline: float) -> None:
        """Call ``callback`` with ``conn`` whenever it is readable, until ``deadline``."""
        self._stop_waiting(conn)
        if len(self.waiting) >= self.worker_connections // 2:
            self._drop(next(iter(self.waiting)))
        conn.sock.setblocking(False)
        self.waiting[conn] = deadline
        self.poller.register(conn.sock, EVENT_READ, lambda _: callback(conn))

    def _stop_waiting(self, conn: Any) -> None:
        if self.waiting.pop(conn, None) is not None:
            self.poller.unregister(conn.sock)
            self.unfinished -= conn.unfinished
            conn.unfinished = 0

    def _drop(self, conn: Any) -> None:
        """Close the connection."""
        self._stop_waiting(conn)
        conn.incoming.close()
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Give up the connections whose time is over; called by the event loop."""
        super().murder_pending()
        now = time.monotonic()
        if now < self.next_check:
            return
        self.next_check = now + 0.5
        for conn in [conn for conn, deadline in self.waiting.items() if deadline <= now]:
            if conn.unfinished:
                self._reject(conn, 400, "The request did not arrive in time.")
            else:
                self._drop(conn)

    # Stopping

    def set_accept_enabled(self, enabled: bool) -> None:
        """Enable or disable accepting; when stopping, accept the backlog and close the socket.

        Connections in the backlog are served. Later ones fail at once, so that the client can
        try another server; otherwise they would wait for the worker to exit, and then be reset.
        """
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for listener in self.sockets:
            while select([listener], [], [], 0)[0]:
                self.accept(listener)
            listener.close()
        soon = time.monotonic() + LINGER
        for conn, deadline in self.waiting.items():
            if not conn.unfinished:  # opened ahead of a request that may not come
                self.waiting[conn] = min(deadline, soon)
