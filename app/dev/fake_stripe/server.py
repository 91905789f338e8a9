"""The account's API over real HTTP, with idempotency keys, and with faults on request."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from .acts import PREFIX, Acts
from .http import HTTPServer, Response, encode_response
from .parameters import StripeErrorResponse
from .state import NO_REQUEST, StripeObject, drop_oldest, new_id, with_lock

HOST = "127.0.0.1"
HOLD_LIMIT = 30  # seconds after which a held response is sent although no test released it
FAULTS = {
    "refuse-400",  # reject the request as invalid, do nothing
    "refuse-500",  # respond 500, do nothing; a retry is handled as a new request
    "break-500",  # respond 500, do nothing; a retry with the same key gets the 500 again
    "act-500",  # carry the request out, but respond 500, also to retries with the same key
    "drop",  # carry the request out, and close the connection without a response
    "silent",  # carry the request out, and hold the response until it is released
    "slow",  # hold the request until it is released, then carry it out
}
KEY_PREFIXES = ("sk_", "rk_")

Request = tuple[str, str, StripeObject]  # method, path and parameters


class StripeServer(Acts):
    """A Stripe account and its API, served under ``url``.

    It forgets the oldest of more than ``max_payments`` payments.
    """

    on_clear: Callable[[], None] | None = None  # forgets what waits to be delivered

    def __init__(self, port: int = 0, max_payments: int | None = None) -> None:
        self.port, self.max_payments = port, max_payments
        self.gate, self.held_count = threading.Event(), 0
        super().__init__()

    def _reset(self) -> None:
        super()._reset()
        self.requests: list[tuple[str, str, StripeObject, str | None]] = []
        self.faults: list[tuple[str, str]] = []
        # key → request and response; None while in progress
        self.idempotent_responses: dict[str | None, tuple[Request, Response | None]] = {}

    def start(self) -> "StripeServer":
        """Listen on a free port or, after ``stop``, on the same port again."""
        self.http = HTTPServer((HOST, self.port), self)
        self.port = self.http.server_port
        self.url = f"http://{HOST}:{self.port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse new connections and close the open ones."""
        self.release()
        self.http.shutdown()
        self.http.server_close()
        self.http.close_connections()

    def __enter__(self) -> "StripeServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: Any, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @with_lock
    def clear(self) -> None:
        """Delete all state; a slow request that is still held has no effect any more."""
        super().clear()
        self.release()

    # Faults

    @with_lock
    def inject_fault(self, fault: str, times: int = 1, path: str | None = None) -> None:
        """Apply one of ``FAULTS`` to the next requests under ``path``."""
        if fault not in FAULTS:
            raise ValueError(fault)
        self.faults += [(fault, path or "/")] * times

    @with_lock
    def release(self) -> None:
        """Release all held requests; ``held_count`` is their number."""
        self.gate.set()
        self.gate = threading.Event()

    def _hold(self) -> None:
        with self.lock:
            gate = self.gate
            self.held_count += 1
        gate.wait(HOLD_LIMIT)
        with self.lock:
            self.held_count -= 1

    # Responses

    def respond(
        self, method: str, path: str, params: StripeObject, key: str | None, secret_key: str
    ) -> Response | None:
        """Return status, body and headers; None to close the connection without a response."""
        if path.startswith(PREFIX):
            response = self._attempt(self.act, method, path, params)
            if path == f"{PREFIX}/clear" and self.on_clear:
                self.on_clear()  # without the lock, for which the receiver of an event may wait
            return response
        with self.lock:
            self._forget_oldest()
            self.requests.append((method, path, params, key))
            if not secret_key.startswith(KEY_PREFIXES):
                error = StripeErrorResponse(401, "Invalid API Key provided.")
                return encode_response(error.response)
            match = next((fault for fault in self.faults if path.startswith(fault[1])), None)
            if match:
                self.faults.remove(match)
        request = (method, path, params)
        return self._respond_with(match and match[0], request, key if method == "POST" else None)

    def _respond_with(
        self, fault: str | None, request: Request, key: str | None
    ) -> Response | None:
        if fault == "refuse-400":
            return encode_response(StripeErrorResponse(400, "This is not possible.").response)
        error = StripeErrorResponse(500, "Something went wrong.", kind="api_error")
        failure = encode_response(error.response)
        if fault == "break-500":
            self._remember(key, request, failure)
        if fault in ("refuse-500", "break-500"):
            return failure
        response = self.respond_once(*request, key, fault == "slow")
        if fault == "act-500":
            self._remember(key, request, failure)
        if fault == "silent":
            self._hold()  # without blocking the idempotency key
        return {"act-500": failure, "drop": None}.get(fault or "", response)

    def _remember(self, key: str | None, request: Request, response: Response) -> None:
        """Answer further requests with ``key`` by ``response``."""
        with self.lock:
            if key:
                self.idempotent_responses[key] = (request, response)

    def respond_once(
        self, method: str, path: str, params: StripeObject, key: str | None, slow: bool
    ) -> Response | None:
        """Carry the request out, or replay the response to an earlier one with the same key."""
        request = (method, path, params)
        with self.lock:
            responses = self.idempotent_responses
            if key in responses:
                return replay(request, *responses[key])
            if key:
                responses[key] = (request, None)
        if slow:
            self._hold()
        with self.lock:
            if self.idempotent_responses is not responses:
                return None  # the account was cleared meanwhile
            response = self._execute(request, key)
            if key:
                responses[key] = (request, response)
            return response

    def _execute(self, request: Request, key: str | None) -> Response:
        self.request = {"id": new_id("req"), "idempotency_key": key}
        try:
            return self._attempt(self.carry_out, *request)
        finally:
            self.request = NO_REQUEST

    def _attempt(self, carry_out: Callable[..., StripeObject], *request: Any) -> Response:
        try:
            with self.lock:
                return encode_response((200, carry_out(*request)))
        except StripeErrorResponse as error:
            return encode_response(error.response)

    def _forget_oldest(self) -> None:
        if self.max_payments:
            self.forget_oldest(self.max_payments)
            self.requests[: -self.max_payments] = []
            drop_oldest(self.idempotent_responses, self.max_payments)


def replay(request: Request, first_request: Request, response: Response | None) -> Response:
    """Return the stored response, or the error that the idempotency key cannot be used."""
    if first_request != request:
        message = "Keys can only be used with the parameters they were first used with."
        error = StripeErrorResponse(400, message, kind="idempotency_error")
        return encode_response(error.response)
    if response:
        return *response[:2], {"Idempotent-Replayed": "true"}
    message = "Another request with this key is in progress."
    return encode_response(StripeErrorResponse(409, message, "idempotency_key_in_use").response)
