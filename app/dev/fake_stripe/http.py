"""The HTTP server: reads requests, sends the account's responses."""

import contextlib
import json
import socket
import sys
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from .parameters import StripeErrorResponse, parse_params
from .state import StripeObject, new_id

Response = tuple[int, bytes, dict[str, str]]  # status, body and headers


class Responder(Protocol):
    """Whose responses a server sends."""

    def respond(
        self, method: str, path: str, params: StripeObject, key: str | None, secret_key: str
    ) -> Response | None: ...


class HTTPServer(ThreadingHTTPServer):
    """A threading HTTP server that knows its open connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], account: Responder) -> None:
        self.account, self.open = account, set[Any]()
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that closed the connection before the response."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        """Close idle connections too, whose threads would continue to respond."""
        for request in list(self.open):
            with contextlib.suppress(OSError):  # already closed
                request.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """The parsing of requests and the sending of responses."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HTTPServer

    def do_GET(self) -> None:
        response = self._respond()
        if response is None:
            self.close_connection = True
            return
        try:
            self._send(*response)
        except ConnectionError:  # the client stopped waiting
            self.close_connection = True

    do_POST = do_DELETE = do_GET  # noqa: N815

    def _respond(self) -> Response | None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        try:
            params = parse_params(parse_qsl("&".join(filter(None, (url.query, body))), True))
        except StripeErrorResponse as error:
            return encode_response(error.response)
        key, authorization = self.headers["Idempotency-Key"], self.headers["Authorization"] or ""
        return self.server.account.respond(
            self.command, url.path, params, key, secret_key_from(authorization)
        )

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        standard = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in {**standard, "Request-Id": new_id("req"), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing: the server's ``requests`` lists them."""


def secret_key_from(authorization: str) -> str:
    """Return the secret key of the header, a bearer token or the name of ``curl -u KEY:``."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme != "Basic":
        return credentials
    try:
        return b64decode(credentials).decode().partition(":")[0]
    except ValueError:
        return ""


def encode_response(response: tuple[int, StripeObject]) -> Response:
    """Return the response with its body as bytes, which later changes do not affect."""
    status, body = response
    return status, json.dumps(body).encode(), {}
