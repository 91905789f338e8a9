"""The part of Stripe's API that the service uses, over real HTTP, with faults on request."""

import contextlib
import json
import operator
import secrets
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from .stripe_account import NO_REQUEST, StripeAccount, locked, new_id, unix_time

HOLD_LIMIT = 30  # seconds after which a held response is sent although no test released it
FAULTS = {
    "refuse-500",  # respond 500, do nothing; a retry is handled as a new request
    "break-500",  # respond 500, do nothing; a retry with the same key gets the 500 again
    "act-500",  # carry the request out, but respond 500, also to retries with the same key
    "drop",  # carry the request out, and close the connection without a response
    "silent",  # carry the request out, and hold the response until it is released
    "slow",  # hold the request until it is released, then carry it out
}
DECLINES = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
}
OUTCOMES = {  # the action that confirming with a card leads to
    "pm_card_visa": "succeed",
    "pm_card_mastercard": "succeed",
    "pm_processing": "process",
    "pm_card_authenticationRequired": "require_action",
}
NULL_FIELDS = (  # of a new PaymentIntent
    *("canceled_at", "cancellation_reason", "last_payment_error", "latest_charge", "next_action"),
)
COMPARISONS = {"gte": operator.ge, "lte": operator.le, "gt": operator.gt, "lt": operator.lt}


class StripeErrorResponse(Exception):
    """An error response of Stripe's API."""

    def __init__(self, status, message, code=None, kind="invalid_request_error", **more):
        super().__init__(message)
        values = {"type": kind, "message": message, "code": code, **more}
        error = {name: value for name, value in values.items() if value is not None}
        self.response = (status, {"error": error})


class StripeServer(StripeAccount):
    """A Stripe account and its API, served under ``url``."""

    def __init__(self):
        super().__init__()
        self.port = 0
        self.requests, self.faults = [], []
        self.idempotent_responses = {}  # key → request and response; None while in progress
        self.gate, self.held_count = threading.Event(), 0

    def start(self):
        """Listen on a free port or, after ``stop``, on the same port again."""
        self.http = HTTPServer(("127.0.0.1", self.port), Handler)
        self.http.account = self
        self.port = self.http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        """Refuse new connections and close the open ones."""
        self.release()
        self.http.shutdown()
        self.http.server_close()
        self.http.close_connections()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @locked
    def clear(self):
        """Delete all state; a slow request that is still held has no effect any more."""
        super().clear()
        self.requests.clear()
        self.faults.clear()
        self.idempotent_responses = {}
        self.release()

    # Faults

    @locked
    def inject_fault(self, fault, times=1, path=None):
        """Apply one of ``FAULTS`` to the next requests under ``path``."""
        assert fault in FAULTS
        self.faults += [(fault, path or "/")] * times

    @locked
    def release(self):
        """Release all held requests; ``held_count`` is their number."""
        self.gate.set()
        self.gate = threading.Event()

    def _hold(self):
        with self.lock:
            gate = self.gate
            self.held_count += 1
        gate.wait(HOLD_LIMIT)
        with self.lock:
            self.held_count -= 1

    # The API

    def respond(self, method, path, params, key, authorization):
        """Return status, body and headers; None to close the connection without a response."""
        with self.lock:
            self.requests.append((method, path, params, key))
            if not authorization.startswith("Bearer sk_"):
                error = StripeErrorResponse(401, "Invalid API Key provided.")
                return encode_response(error.response)
            match = next((fault for fault in self.faults if path.startswith(fault[1])), None)
            if match:
                self.faults.remove(match)
        fault = match and match[0]
        error = StripeErrorResponse(500, "Something went wrong.", kind="api_error")
        failure = encode_response(error.response)
        key = key if method == "POST" else None
        if fault == "break-500" and key:
            with self.lock:
                self.idempotent_responses[key] = ((method, path, params), failure)
        if fault in ("refuse-500", "break-500"):
            return failure
        response = self.respond_once(method, path, params, key, fault == "slow")
        if fault == "act-500" and key:
            with self.lock:
                self.idempotent_responses[key] = ((method, path, params), failure)
        if fault == "silent":
            self._hold()  # without blocking the idempotency key
        return {"act-500": failure, "drop": None}.get(fault, response)

    def respond_once(self, method, path, params, key, slow):
        """Carry the request out, or replay the response to an earlier one with the same key."""
        request = (method, path, params)
        with self.lock:
            responses = self.idempotent_responses
            first_request, response = responses.get(key, (request, None))
            if first_request != request:
                message = "Keys can only be used with the parameters they were first used with."
                error = StripeErrorResponse(400, message, kind="idempotency_error")
                return encode_response(error.response)
            if response:
                return *response[:2], {"Idempotent-Replayed": "true"}
            if key in responses:
                message = "Another request with this key is in progress."
                error = StripeErrorResponse(409, message, "idempotency_key_in_use")
                return encode_response(error.response)
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

    def _execute(self, request, key):
        self.request = {"id": new_id("req"), "idempotency_key": key}
        try:
            return encode_response((200, self._dispatch(*request)))
        except StripeErrorResponse as error:
            return encode_response(error.response)
        finally:
            self.request = NO_REQUEST

    def _dispatch(self, method, path, params):
        match (method, *path.strip("/").split("/")):
            case ("POST", "v1", "payment_intents"):
                return self.create_intent(params)
            case ("GET", "v1", "payment_intents"):
                return list_page(self.intents, path, params)
            case ("GET", "v1", "payment_intents", intent_id):
                return get_object(self.intents, intent_id, "intent")
            case ("POST", "v1", "payment_intents", intent_id, "confirm"):
                return self.confirm_intent(get_object(self.intents, intent_id, "intent"), params)
            case ("POST", "v1", "payment_intents", intent_id, "cancel"):
                intent = get_object(self.intents, intent_id, "intent")
                require_state(intent, intent["status"] not in {"succeeded", "canceled"})
                self.cancel(intent_id, params.get("cancellation_reason"))
                return intent
            case ("POST", "v1", "refunds"):
                return self.create_refund(params)
            case ("GET", "v1", "refunds"):
                return list_page(self.refunds, path, params)
            case ("GET", "v1", "disputes"):
                return list_page(self.disputes, path, params)
            case ("GET", "v1", "disputes", dispute_id):
                return get_object(self.disputes, dispute_id, "dispute")
            case ("GET", "v1", "refunds", refund_id):
                return get_object(self.refunds, refund_id, "refund")
        raise StripeErrorResponse(404, f"Unrecognized request URL ({method}: {path}).")

    def create_intent(self, params):
        """Create a PaymentIntent from a request's parameters, and confirm it if they say so."""
        amount = require_integer(params, "amount")
        currency = require_param(params, "currency").lower()
        if currency == "usd" and amount < 50:
            raise invalid_parameter("amount_too_small", "amount")
        if amount > 99999999:
            raise invalid_parameter("amount_too_large", "amount")
        confirm = params.get("confirm") == "true"
        card = check_card((require_param if confirm else dict.get)(params, "payment_method"))
        automatic = params.get("automatic_payment_methods")
        if automatic:
            automatic = {**automatic, "enabled": automatic.get("enabled") == "true"}
        intent_id = new_id("pi")
        intent = self.intents[intent_id] = {
            **dict.fromkeys(NULL_FIELDS),
            "id": intent_id,
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "automatic_payment_methods": automatic,
            "client_secret": f"{intent_id}_secret_{secrets.token_hex(12)}",
            "created": unix_time(),
            "currency": currency,
            "description": params.get("description"),
            "livemode": False,
            "metadata": params.get("metadata") or {},
            "payment_method": card,
            "payment_method_types": list(params.get("payment_method_types", {0: "card"}).values()),
            "receipt_email": params.get("receipt_email"),
            "status": "requires_confirmation" if card else "requires_payment_method",
        }
        self.add_events(("payment_intent.created", intent))
        return self.confirm_intent(intent, params) if confirm else intent

    def confirm_intent(self, intent, params):
        """Confirm the intent with the outcome that its test card has."""
        require_state(intent, intent["status"].startswith("requires_"))
        card = check_card(params.get("payment_method") or intent["payment_method"])
        if not card:
            require_param(params, "payment_method")
        intent["payment_method"] = card
        if card in DECLINES:
            self.fail(intent["id"], *DECLINES[card])
            error = dict(intent["last_payment_error"])
            raise StripeErrorResponse(402, kind=error.pop("type"), payment_intent=intent, **error)
        getattr(self, OUTCOMES[card])(intent["id"])
        return intent

    def create_refund(self, params):
        """Refund an intent from a request's parameters."""
        intent_id = require_param(params, "payment_intent")
        intent = get_object(self.intents, intent_id, "payment_intent")
        require_state(intent, intent["status"] == "succeeded")
        charge = self.charges[intent["latest_charge"]]
        refundable = charge["amount"] - charge["amount_refunded"]
        if not refundable:
            message = "Charge has already been refunded."
            raise StripeErrorResponse(400, message, "charge_already_refunded")
        amount = require_integer(params, "amount") if "amount" in params else refundable
        if not amount:
            raise invalid_parameter("parameter_invalid_integer", "amount")
        if amount > refundable:
            raise invalid_parameter("amount_too_large", "amount")
        more = {"metadata": params.get("metadata") or {}, "reason": params.get("reason")}
        events = self.refund(intent["id"], amount, **more)
        return self.refunds[events[0]["data"]["object"]["id"]]


class HTTPServer(ThreadingHTTPServer):
    """A threading HTTP server that knows its open connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, *args):
        self.open = set()
        super().__init__(*args)

    def process_request(self, request, client_address):
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """Ignore clients that closed the connection before the response."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def close_connections(self):
        """Close kept-alive connections, whose threads would continue to respond."""
        for request in list(self.open):
            with contextlib.suppress(OSError):  # already closed
                request.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """The parsing of requests and the sending of responses."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        params = parse_params(parse_qsl("&".join(filter(None, (url.query, body))), True))
        key, authorization = self.headers["Idempotency-Key"], self.headers["Authorization"] or ""
        account = self.server.account
        response = account.respond(self.command, url.path, params, key, authorization)
        if response is None:
            self.close_connection = True
            return
        try:
            self._send(*response)
        except ConnectionError:  # the client stopped waiting
            self.close_connection = True

    do_POST = do_DELETE = do_GET

    def _send(self, status, body, headers):
        self.send_response(status)
        standard = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in {**standard, "Request-Id": new_id("req"), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Log nothing: the server's ``requests`` lists them."""


def invalid_parameter(code, param):
    """Return the error about a missing or invalid parameter."""
    return StripeErrorResponse(400, f"Invalid parameter {param}: {code}.", code, param=param)


def encode_response(response):
    """Return the response with its body as bytes, which later changes do not affect."""
    status, body = response
    return status, json.dumps(body).encode(), {}


def parse_params(pairs):
    """Return ``a[b]=c`` as ``{"a": {"b": "c"}}``."""
    params = {}
    for name, value in pairs:
        *parents, last = name.replace("]", "").split("[")
        inner = params
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return params


def require_param(params, name):
    """Return a parameter; raise if it is missing or empty."""
    if not params.get(name):
        raise invalid_parameter("parameter_missing", name)
    return params[name]


def require_integer(params, name):
    """Return a parameter as an integer; raise if it is none."""
    text = require_param(params, name)
    if not (text.isascii() and text.isdigit()):
        raise invalid_parameter("parameter_invalid_integer", name)
    return int(text)


def require_state(intent, is_expected):
    """Raise if the intent's status does not allow the request."""
    if not is_expected:
        message = f"This PaymentIntent could not be used: its status is {intent['status']}."
        code = "payment_intent_unexpected_state"
        raise StripeErrorResponse(400, message, code, payment_intent=intent)


def check_card(card):
    """Return the test card, or None; raise if there is no such card."""
    if card and card not in OUTCOMES.keys() | DECLINES.keys():
        raise invalid_parameter("resource_missing", "payment_method")
    return card


def get_object(objects, object_id, param):
    """Return an object by its id; raise if it does not exist."""
    if object_id not in objects:
        message = f"No such {param}: '{object_id}'"
        raise StripeErrorResponse(404, message, "resource_missing", param=param)
    return objects[object_id]


def list_page(objects, path, params):
    """Return a page of the objects that match ``params``, newest first."""
    rows = sorted(objects.values(), key=operator.itemgetter("created"))[::-1]
    if "starting_after" in params:
        last = get_object(objects, params["starting_after"], "starting_after")
        rows = rows[rows.index(last) + 1 :]
    for name, bound in params.get("created", {}).items():
        rows = [row for row in rows if COMPARISONS[name](row["created"], int(bound))]
    if "payment_intent" in params:
        rows = [row for row in rows if row["payment_intent"] == params["payment_intent"]]
    limit = int(params.get("limit", 10))
    if not 1 <= limit <= 100:
        raise invalid_parameter("parameter_invalid_integer", "limit")
    return {"object": "list", "url": path, "data": rows[:limit], "has_more": len(rows) > limit}
