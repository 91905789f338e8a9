"""gunicorn's threaded worker, whose threads neither wait for a request nor for its client.

gunicorn's own worker reads and writes in a thread, so that as many slow clients as it has threads
stop the service. Here the event loop receives requests, in memory or a temporary file, and sends
what of a response a client has not read. Both have a total time, and the worker has limits for the
bytes and the connections that wait. The reasons are in docs/decisions/0020.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from select import select
from selectors import EVENT_READ, EVENT_WRITE
from socket import SHUT_WR
from typing import Any

from gunicorn import util
from gunicorn.http.unreader import Unreader
from gunicorn.workers.gthread import ThreadWorker

from ..messages import Fault, Rule
from . import draining, outgoing_response
from .incoming_request import IncomingRequest, ReceivedUnreader, UnclearLength
from .outgoing_response import OutgoingSocket

log = logging.getLogger(__name__)

MAX_UNFINISHED = 256 * 1024 * 1024  # bytes of all requests that a worker is receiving
MAX_UNSENT = 64 * 1024 * 1024  # bytes of all responses that clients have not read
READ_SIZE = 64 * 1024  # bytes
UNCLEAR_LENGTH = Fault("The length of the body is not stated clearly.", Rule.MALFORMED)
LONG_HEAD = Fault("The request line and headers are too long.", Rule.TOO_LONG)
LATE = Fault("The request did not arrive in time.", Rule.MALFORMED)
LINGER = 2.0  # seconds until a connection is closed whose client does not close it


class BufferingWorker(ThreadWorker):
    """A ThreadWorker whose event loop receives requests and sends the rest of responses.

    ``waiting`` has the connections that do so or are about to be closed, the oldest first, each
    with the time at which it is given up.
    """

    request_timeout: float = 10.0  # seconds for a head with a small body
    drain_time: float = 0.0  # seconds from SIGTERM until no connection is accepted
    report_load: Callable[[Any], None] = staticmethod(lambda worker: None)  # called twice a second

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: dict[Any, float] = {}
        self.unfinished = 0  # bytes of the requests that are being received
        self.unsent = 0  # bytes of the responses that are being sent
        # Of the connections, so many may wait and so many be idle; the others are being served.
        self.max_waiting = self.max_idle = self.worker_connections * 2 // 5
        self.next_check = 0.0
        self.unanswered = 0  # requests that threads work on, or that wait for one

    # Receiving

    def enqueue_req(self, conn: Any) -> None:
        """Receive a request of ``conn``, and then let a thread handle it."""
        if conn.client:  # on a dual-stack socket IPv4 addresses have a prefix
            conn.client = (conn.client[0].removeprefix("::ffff:"), *conn.client[1:])
        surplus = getattr(conn, "surplus", b"")
        conn.incoming, conn.unfinished = IncomingRequest(self.request_timeout), 0
        conn.outgoing, conn.unsent, conn.surplus = None, 0, b""
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
        except UnclearLength:
            self._reject(conn, 400, UNCLEAR_LENGTH)
            return
        except OSError:
            log.exception("a request could not be stored")
            self._reject(conn, 503)
            return
        if request.is_complete:
            self._dispatch(conn)
            return
        self._wait_for_rest(conn)
        if request.is_too_long:
            self._reject(conn, 400, LONG_HEAD)
        elif self.unfinished > MAX_UNFINISHED:
            self._reject(conn, 503)
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
        conn.initialized, conn.parser = False, None  # no byte of an earlier request is left
        conn.init()
        conn.parser.unreader = ReceivedUnreader(conn.incoming)
        conn.arrived_at = time.monotonic()
        self.unanswered += 1
        super().enqueue_req(conn)

    def _reject(self, conn: Any, status: int, reason: str = "") -> None:
        """Answer a request that is not received to its end, and close its connection."""
        self._send(conn, partial(util.write_error, status_int=status, reason=reason, mesg=""))
        self._linger(conn)

    def _send(self, conn: Any, write: Callable[[Any], None]) -> None:
        with suppress(OSError):  # the client has left, which the next read finds
            write(conn.sock)

    # Responding

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Handle the request in a thread, which does not wait for the client to read."""
        if conn.cfg.is_ssl:
            return super().handle_request(req, conn)
        req.started_at = time.monotonic()
        req.waited = req.started_at - conn.arrived_at  # for the access log and the metrics
        sock = conn.sock
        conn.sock = conn.outgoing = OutgoingSocket(sock)
        try:
            return super().handle_request(req, conn)
        finally:
            conn.sock = sock

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        """Return whether the connection stays open; what is left of the body is discarded."""
        return bool(super()._keepalive_after(conn, keepalive) if conn.cfg.is_ssl else keepalive)

    def finish_request(self, conn: Any, future: Future[Any]) -> None:
        """Send the rest of the response, then wait for the next request or close."""
        conn.incoming.close()
        self.unanswered -= not conn.cfg.is_ssl
        conn.future = future
        if conn.outgoing and conn.outgoing.unsent:
            size = len(conn.outgoing.unsent)
            seconds = outgoing_response.SEND_TIMEOUT + size / outgoing_response.MIN_RATE
            self._wait(conn, self._send_rest, time.monotonic() + seconds, EVENT_WRITE)
            self.unsent += size
            conn.unsent = size
            while self.unsent > MAX_UNSENT:
                self._drop(next(conn for conn in self.waiting if conn.unsent))
        else:
            self._finish(conn)

    def _send_rest(self, conn: Any) -> None:
        try:
            conn.outgoing.send_buffered()
        except OSError:
            self._drop(conn)
            return
        if not conn.outgoing.unsent:
            self._finish(conn)

    def _finish(self, conn: Any) -> None:
        self._stop_waiting(conn)
        future = conn.future
        if future.cancelled() or future.exception() or not future.result():
            self._linger(conn)
            return
        if not conn.cfg.is_ssl:
            conn.parser.unreader = Unreader()  # the next request has its own
        super().finish_request(conn, future)
        if conn.surplus and conn in self.keepalived_conns:
            self.on_client_socket_readable(conn, conn.sock)
        elif len(self.keepalived_conns) > self.max_idle:
            self._close_oldest_idle()

    def _close_oldest_idle(self) -> None:
        """Make room for a client that has something to say."""
        conn = self.keepalived_conns.popleft()
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

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

    def _wait(
        self,
        conn: Any,
        callback: Callable[[Any], None],
        deadline: float,
        events: int = EVENT_READ,
    ) -> None:
        """Call ``callback`` with ``conn`` whenever it is ready, until ``deadline``."""
        self._stop_waiting(conn)
        if len(self.waiting) >= self.max_waiting:
            self._give_up_one()
        conn.sock.setblocking(False)
        self.waiting[conn] = deadline
        self.poller.register(conn.sock, events, lambda _: callback(conn))

    def _give_up_one(self) -> None:
        """Give up a connection of the address that has the most; one without a request first."""
        by_address = Counter(_address(conn) for conn in self.waiting)
        most = max(by_address.values())
        candidates = [conn for conn in self.waiting if by_address[_address(conn)] == most]
        conn = next(filter(_is_silent, candidates), candidates[0])
        if conn.unfinished:
            self._reject(conn, 503)
        else:
            self._drop(conn)

    def _stop_waiting(self, conn: Any) -> None:
        if self.waiting.pop(conn, None) is not None:
            self.poller.unregister(conn.sock)
            self.unfinished -= conn.unfinished
            self.unsent -= conn.unsent
            conn.unfinished = conn.unsent = 0

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
        self.report_load(self)
        for conn in [conn for conn, deadline in self.waiting.items() if deadline <= now]:
            if conn.unfinished:
                self._reject(conn, 400, LATE)
            else:
                self._drop(conn)

    # Stopping

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """Stop on SIGTERM; a platform may send it to workers before the master has drained."""
        wait = 0 if draining.is_stopping() else self.drain_time
        draining.call_later(wait, partial(super().handle_exit, sig, frame))

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
            if _is_silent(conn):  # opened ahead of a request that may not come
                self.waiting[conn] = min(deadline, soon)


def _is_silent(conn: Any) -> bool:
    """Return whether the connection neither has sent a part of a request nor gets a response."""
    return not conn.unfinished and not conn.unsent


def _address(conn: Any) -> str:
    """Return the address of the client, or of the proxy in front."""
    return str(conn.client[0]) if conn.client else ""
