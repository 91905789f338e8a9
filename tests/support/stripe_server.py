"""Stripe's side of the wire, as much of it as the service uses, with faults to order."""

import contextlib
import copy
import functools
import hashlib
import hmac
import json
import operator
import secrets
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from app import clock

HOLD = 30  # seconds until an answer that nobody releases is given after all
# A 500 is an answer like any other, which a key is answered with again, unless nothing was begun.
FAULTS = {"refuse-500", "break-500", "act-500", "drop", "silent", "slow"}
DECLINES = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
}
OUTCOMES = {
    "pm_card_visa": "succeed",
    "pm_card_mastercard": "succeed",
    "pm_processing": "process",
    "pm_card_authenticationRequired": "require_action",
}
EMPTY = {"canceled_at", "cancellation_reason", "last_payment_error", "latest_charge", "next_action"}
LIMITS = {"gte": operator.ge, "lte": operator.le, "gt": operator.gt, "lt": operator.lt}
SHARED = {"amount", "currency", "description", "livemode", "payment_method", "receipt_email"}


class Problem(Exception):
    """An error as Stripe answers it."""

    def __init__(self, status, message, code=None, kind="invalid_request_error", **more):
        super().__init__(message)
        told = {"type": kind, "message": message, "code": code, **more}
        error = {name: value for name, value in told.items() if value is not None}
        self.answer = (status, {"error": error})


def locked(deed):
    """Only one at a time acts on the state; whoever is held does not keep the others waiting."""

    @functools.wraps(deed)
    def alone(self, *args, **kwargs):
        with self.lock:
            return deed(self, *args, **kwargs)

    return alone


class StripeServer:
    """A Stripe account: its API under ``url``; its customers and dashboard as methods."""

    secret = "whsec_test"
    api_version = "2026-10-28.endive"

    def __init__(self):
        self.lock = threading.RLock()
        self.port = 0
        self.intents, self.charges, self.refunds, self.disputes = {}, {}, {}, {}
        self.events, self.requests, self.faults = [], [], []
        self.answers = {}  # idempotency key → what was asked, and the answer (None: not yet)
        self.request = NOBODY
        self.gate, self.held = threading.Event(), 0

    def start(self):
        """Listen; where it was stopped before, under the same address again."""
        self.http = Listener(("127.0.0.1", self.port), Handler)
        self.http.account = self
        self.port = self.http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        """Refuse connections from now on, and end those that are open."""
        self.release()
        self.http.shutdown()
        self.http.server_close()
        self.http.hang_up()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @locked
    def clear(self):
        """Forget everything; a slow request that is still held acts no more."""
        objects = (self.intents, self.charges, self.refunds, self.disputes)
        for state in (*objects, self.events, self.requests, self.faults):
            state.clear()
        self.answers = {}
        self.release()

    # Faults

    @locked
    def next(self, how, times=1, path=None):
        """Let the next requests under ``path`` go wrong."""
        assert how in FAULTS
        self.faults += [(how, path or "/")] * times

    @locked
    def release(self):
        """Let go of what is held at this moment; ``held`` tells how many that are."""
        self.gate.set()
        self.gate = threading.Event()

    def hold(self):
        with self.lock:
            gate = self.gate
            self.held += 1
        gate.wait(HOLD)
        with self.lock:
            self.held -= 1

    # The API

    def answer(self, method, path, params, key, bearer):
        """Status, body and headers; None where there is to be no answer."""
        with self.lock:
            self.requests.append((method, path, params, key))
            if not bearer.startswith("Bearer sk_"):
                return as_sent(Problem(401, "Invalid API Key provided.").answer)
            fault = next((fault for fault in self.faults if path.startswith(fault[1])), None)
            if fault:
                self.faults.remove(fault)
        how = fault and fault[0]
        failure = as_sent(Problem(500, "Something went wrong.", kind="api_error").answer)
        key = key if method == "POST" else None
        if how == "break-500" and key:
            with self.lock:
                self.answers[key] = ((method, path, params), failure)
        if how in ("refuse-500", "break-500"):
            return failure
        answer = self.once(method, path, params, key, how == "slow")
        if how == "act-500" and key:
            with self.lock:
                self.answers[key] = ((method, path, params), failure)
        if how == "silent":
            self.hold()  # what was done is done, and its key is no longer in use
        return {"act-500": failure, "drop": None}.get(how, answer)

    def once(self, method, path, params, key, slow):
        """The answer; a key that was used before gets the one that it got then."""
        asked = (method, path, params)
        with self.lock:
            answers = self.answers
            first, answer = answers.get(key, (asked, None))
            if first != asked:
                message = "Keys can only be used with the parameters they were first used with."
                return as_sent(Problem(400, message, kind="idempotency_error").answer)
            if answer:
                return *answer[:2], {"Idempotent-Replayed": "true"}
            if key in answers:
                message = "Another request with this key is in progress."
                return as_sent(Problem(409, message, "idempotency_key_in_use").answer)
            if key:
                answers[key] = (asked, None)
        if slow:
            self.hold()
        with self.lock:
            if self.answers is not answers:
                return None
            answer = self.acted(asked, key)
            if key:
                answers[key] = (asked, answer)
            return answer

    def acted(self, asked, key):
        self.request = {"id": new("req"), "idempotency_key": key}
        try:
            return as_sent((200, self.act(*asked)))
        except Problem as problem:
            return as_sent(problem.answer)
        finally:
            self.request = NOBODY

    def act(self, method, path, params):
        match (method, *path.strip("/").split("/")):
            case ("POST", "v1", "payment_intents"):
                return self.create(params)
            case ("GET", "v1", "payment_intents"):
                return page(self.intents, path, params)
            case ("GET", "v1", "payment_intents", intent_id):
                return found(self.intents, intent_id, "intent")
            case ("POST", "v1", "payment_intents", intent_id, "confirm"):
                return self.confirm(found(self.intents, intent_id, "intent"), params)
            case ("POST", "v1", "payment_intents", intent_id, "cancel"):
                intent = found(self.intents, intent_id, "intent")
                self.expect(intent, intent["status"] not in {"succeeded", "canceled"})
                self.cancel(intent_id, params.get("cancellation_reason"))
                return intent
            case ("POST", "v1", "refunds"):
                return self.give_back(params)
            case ("GET", "v1", "refunds"):
                return page(self.refunds, path, params)
            case ("GET", "v1", "disputes"):
                return page(self.disputes, path, params)
            case ("GET", "v1", "disputes", dispute_id):
                return found(self.disputes, dispute_id, "dispute")
            case ("GET", "v1", "refunds", refund_id):
                return found(self.refunds, refund_id, "refund")
        raise Problem(404, f"Unrecognized request URL ({method}: {path}).")

    def create(self, params):
        amount, currency = whole(params, "amount"), required(params, "currency").lower()
        if currency == "usd" and amount < 50:
            raise bad("amount_too_small", "amount")
        if amount > 99999999:
            raise bad("amount_too_large", "amount")
        confirm = params.get("confirm") == "true"
        card = known((required if confirm else dict.get)(params, "payment_method"))
        automatic = params.get("automatic_payment_methods")
        if automatic:
            automatic = {**automatic, "enabled": automatic.get("enabled") == "true"}
        intent_id = new("pi")
        intent = self.intents[intent_id] = {
            **dict.fromkeys(EMPTY),
            "id": intent_id,
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "automatic_payment_methods": automatic,
            "client_secret": f"{intent_id}_secret_{secrets.token_hex(12)}",
            "created": moment(),
            "currency": currency,
            "description": params.get("description"),
            "livemode": False,
            "metadata": params.get("metadata") or {},
            "payment_method": card,
            "payment_method_types": list(params.get("payment_method_types", {0: "card"}).values()),
            "receipt_email": params.get("receipt_email"),
            "status": "requires_confirmation" if card else "requires_payment_method",
        }
        self.happens(("payment_intent.created", intent))
        return self.confirm(intent, params) if confirm else intent

    def confirm(self, intent, params):
        self.expect(intent, intent["status"].startswith("requires_"))
        card = known(params.get("payment_method") or intent["payment_method"])
        if not card:
            required(params, "payment_method")
        intent["payment_method"] = card
        if card in DECLINES:
            self.fail(intent["id"], *DECLINES[card])
            error = dict(intent["last_payment_error"])
            raise Problem(402, kind=error.pop("type"), payment_intent=intent, **error)
        getattr(self, OUTCOMES[card])(intent["id"])
        return intent

    def give_back(self, params):
        intent = found(self.intents, required(params, "payment_intent"), "payment_intent")
        self.expect(intent, intent["status"] == "succeeded")
        charge = self.charges[intent["latest_charge"]]
        left = charge["amount"] - charge["amount_refunded"]
        if not left:
            raise Problem(400, "Charge has already been refunded.", "charge_already_refunded")
        amount = whole(params, "amount") if "amount" in params else left
        if not amount:
            raise bad("parameter_invalid_integer", "amount")
        if amount > left:
            raise bad("amount_too_large", "amount")
        more = {"metadata": params.get("metadata") or {}, "reason": params.get("reason")}
        events = self.refund(intent["id"], amount, **more)
        return self.refunds[events[0]["data"]["object"]["id"]]

    def expect(self, intent, expected):
        if not expected:
            message = f"This PaymentIntent could not be used: its status is {intent['status']}."
            code = "payment_intent_unexpected_state"
            raise Problem(400, message, code, payment_intent=intent)

    # The customer and the dashboard: each deed gives the events that it led to

    @locked
    def succeed(self, intent_id):
        intent = self.intents[intent_id]
        charge = self.charge(intent, "succeeded")
        paid = {"amount_received": intent["amount"], "latest_charge": charge["id"]}
        intent.update(paid, status="succeeded", last_payment_error=None, next_action=None)
        return self.happens(("payment_intent.succeeded", intent), ("charge.succeeded", charge))

    @locked
    def fail(self, intent_id, code="card_declined", decline_code=None):
        intent = self.intents[intent_id]
        failed = self.charge(intent, "failed")
        failed.update(failure_code=code, failure_message="Your card was declined.")
        error = {
            "type": "card_error",
            "code": code,
            "decline_code": decline_code or {"card_declined": "generic_decline"}.get(code, code),
            "message": failed["failure_message"],
            "charge": failed["id"],
        }
        intent.update(status="requires_payment_method", payment_method=None, next_action=None)
        intent.update(last_payment_error=error, latest_charge=failed["id"])
        return self.happens(("payment_intent.payment_failed", intent))

    @locked
    def process(self, intent_id):
        intent = self.intents[intent_id]
        intent.update(status="processing", next_action=None)
        return self.happens(("payment_intent.processing", intent))

    @locked
    def require_action(self, intent_id):
        intent = self.intents[intent_id]
        intent.update(status="requires_action", next_action={"type": "use_stripe_sdk"})
        return self.happens(("payment_intent.requires_action", intent))

    @locked
    def cancel(self, intent_id, reason=None):
        intent = self.intents[intent_id]
        intent.update(status="canceled", cancellation_reason=reason, canceled_at=moment())
        return self.happens(("payment_intent.canceled", intent))

    @locked
    def refund(self, intent_id, amount=None, status="succeeded", metadata=None, reason=None):
        charge = self.charges[self.intents[intent_id]["latest_charge"]]
        refund = self.about(charge, "re", "refund", status=status, reason=reason)
        refund["amount"] = amount or charge["amount"] - charge["amount_refunded"]
        refund["metadata"] = metadata or {}
        self.refunds[refund["id"]] = refund
        self.recount(charge)
        return self.happens(("refund.created", refund), ("charge.refunded", charge))

    @locked
    def fail_refund(self, refund_id):
        refund = self.refunds[refund_id]
        refund.update(status="failed", failure_reason="expired_or_canceled_card")
        self.recount(self.charges[refund["charge"]])
        return self.happens(("refund.updated", refund), ("refund.failed", refund))

    @locked
    def dispute(self, intent_id, amount=None, status="needs_response"):
        charge = self.charges[self.intents[intent_id]["latest_charge"]]
        dispute = self.about(charge, "dp", "dispute", status=status, reason="fraudulent")
        dispute["amount"] = amount or charge["amount"]
        self.disputes[dispute["id"]] = dispute
        charge["disputed"] = True
        types = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
        inquiry = status.startswith("warning_")  # takes no money yet
        return self.happens(*((type, dispute) for type in types[: 1 if inquiry else 2]))

    @locked
    def close_dispute(self, dispute_id, status):
        dispute = self.disputes[dispute_id]
        dispute["status"] = status
        types = ["charge.dispute.closed", "charge.dispute.funds_reinstated"]
        return self.happens(*((type, dispute) for type in types[: 2 if status == "won" else 1]))

    def charge(self, intent, status):
        """A charge for the whole of the intent, whether it went through or not."""
        paid = status == "succeeded"
        charge = {name: intent[name] for name in SHARED}
        charge.update(id=new("ch"), object="charge", status=status, payment_intent=intent["id"])
        charge.update(paid=paid, captured=paid, amount_captured=intent["amount"] if paid else 0)
        charge.update(amount_refunded=0, refunded=False, disputed=False, created=moment())
        charge.update(metadata=dict(intent["metadata"]), failure_code=None, failure_message=None)
        self.charges[charge["id"]] = charge
        return charge

    def about(self, charge, prefix, kind, **told):
        """What refunds and disputes have in common."""
        told |= {name: charge[name] for name in ("amount", "currency", "payment_intent")}
        told |= {"charge": charge["id"], "created": moment(), "metadata": {}}
        return {"id": new(prefix), "object": kind, **told}

    def recount(self, charge):
        refunds = [refund for refund in self.refunds.values() if refund["charge"] == charge["id"]]
        charge["amount_refunded"] = sum(
            refund["amount"] for refund in refunds if refund["status"] not in {"failed", "canceled"}
        )
        charge["refunded"] = charge["amount_refunded"] >= charge["amount"]

    # Events

    def happens(self, *changes):
        events = [self.event(type, object) for type, object in changes]
        self.events += events
        return events

    def event(self, type, object, **changes):
        """An event about the object as it is now; it is not added to ``events``."""
        event = {"id": new("evt"), "object": "event", "type": type, "api_version": self.api_version}
        event |= {"created": moment(), "livemode": False, "pending_webhooks": 1}
        event |= {"request": dict(self.request), "data": {"object": copy.deepcopy(object)}}
        return event | changes

    def signed(self, event, secret=None, at=None):
        """Body and headers of a delivery; bytes are signed as they are."""
        body = event if isinstance(event, bytes) else json.dumps(event, indent=2).encode()
        at = int(time.time() if at is None else at)
        signed = b"%d." % at + body
        digest = hmac.new((secret or self.secret).encode(), signed, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={digest}", "Content-Type": "application/json"}
        return body, headers

    @locked
    def expanded(self, event):
        """The event with the charge itself where its intent names one."""
        event = copy.deepcopy(event)
        object = event["data"]["object"]
        if object.get("latest_charge"):
            object["latest_charge"] = copy.deepcopy(self.charges[object["latest_charge"]])
        return event

    @locked
    def older(self, event):
        """The event as an endpoint of an old API version gets it."""
        event = {**copy.deepcopy(event), "api_version": "2020-08-27"}
        object = event["data"]["object"]
        if object["object"] == "charge":
            object["refunds"] = self.parts(self.refunds, "charge", object["id"])
        if object["object"] == "payment_intent":
            charges = self.parts(self.charges, "payment_intent", object["id"])
            for charge in charges["data"]:
                charge["refunds"] = self.parts(self.refunds, "charge", charge["id"])
            object["charges"] = charges
        return event

    def parts(self, objects, name, value):
        """The list that an object carried of what belongs to it, newest first."""
        data = [copy.deepcopy(part) for part in objects.values() if part[name] == value]
        return {"object": "list", "data": data[::-1], "has_more": False, "total_count": len(data)}


NOBODY = {"id": None, "idempotency_key": None}  # the request of what no request caused


class Listener(ThreadingHTTPServer):
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
        """Whoever asks may be gone before they are answered; that is none of our errors."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def hang_up(self):
        """End the connections that clients keep alive: their threads would go on answering."""
        for request in list(self.open):
            with contextlib.suppress(OSError):  # it may have ended by itself
                request.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        params = nested(parse_qsl("&".join(filter(None, (url.query, body))), True))
        key, bearer = self.headers["Idempotency-Key"], self.headers["Authorization"] or ""
        answer = self.server.account.answer(self.command, url.path, params, key, bearer)
        try:
            self.send(*answer) if answer else self.hang_up()
        except ConnectionError:
            self.hang_up()  # the client would not wait

    do_POST = do_DELETE = do_GET

    def hang_up(self):
        self.close_connection = True

    def send(self, status, body, headers):
        self.send_response(status)
        told = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in {**told, "Request-Id": new("req"), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing: ``requests`` has it."""


def bad(code, param):
    return Problem(400, f"Invalid parameter {param}: {code}.", code, param=param)


def moment():
    """Unix time, by the clock that tests move."""
    return int(clock.now().timestamp())


def new(prefix):
    return f"{prefix}_{secrets.token_hex(12)}"


def as_sent(answer):
    """The answer as bytes, which later changes to the objects do not reach."""
    status, body = answer
    return status, json.dumps(body).encode(), {}


def nested(pairs):
    """``a[b]=c`` as ``{"a": {"b": "c"}}``."""
    params = {}
    for name, value in pairs:
        *above, last = name.replace("]", "").split("[")
        inner = params
        for part in above:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return params


def required(params, name):
    if not params.get(name):
        raise bad("parameter_missing", name)
    return params[name]


def whole(params, name):
    text = required(params, name)
    if not (text.isascii() and text.isdigit()):
        raise bad("parameter_invalid_integer", name)
    return int(text)


def known(card):
    if card and card not in OUTCOMES.keys() | DECLINES.keys():
        raise bad("resource_missing", "payment_method")
    return card


def found(objects, name, param):
    if name not in objects:
        raise Problem(404, f"No such {param}: '{name}'", "resource_missing", param=param)
    return objects[name]


def page(objects, path, params):
    """A list of them, newest first, from where the last one ended."""
    rows = sorted(objects.values(), key=operator.itemgetter("created"))[::-1]
    if "starting_after" in params:
        rows = rows[rows.index(found(objects, params["starting_after"], "starting_after")) + 1 :]
    for name, bound in params.get("created", {}).items():
        rows = [row for row in rows if LIMITS[name](row["created"], int(bound))]
    if "payment_intent" in params:
        rows = [row for row in rows if row["payment_intent"] == params["payment_intent"]]
    limit = int(params.get("limit", 10))
    if not 1 <= limit <= 100:
        raise bad("parameter_invalid_integer", "limit")
    return {"object": "list", "url": path, "data": rows[:limit], "has_more": len(rows) > limit}
