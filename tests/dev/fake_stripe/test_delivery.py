"""The fake as a process of its own, whose events reach a service that starts later or fails."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe

from ...support.concurrency import TIMEOUT, wait_until
from ...support.gunicorn_server import send_request
from ...support.processes import ROOT, free_port

SECRET = "whsec_process"


class Receiver(BaseHTTPRequestHandler):
    """A service that answers each event by the next of ``statuses``."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.server.received.append((status, body, self.headers["Stripe-Signature"]))
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def receiving(port, *statuses):
    with ThreadingHTTPServer(("127.0.0.1", port), Receiver) as server:
        server.statuses, server.received = list(statuses), []
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.received
        server.shutdown()


@pytest.fixture
def webhook_port():
    return free_port()


@pytest.fixture
def fake_port(webhook_port):
    """Yield the port of the running fake; it ends on SIGTERM without an error."""
    port, url = free_port(), f"http://127.0.0.1:{webhook_port}/webhooks"
    command = [sys.executable, "-m", "app.dev.fake_stripe", str(port), url, SECRET]
    process = subprocess.Popen(command, cwd=ROOT)
    wait_until(lambda: is_listening(port), timeout=60)
    yield port
    process.send_signal(signal.SIGTERM)
    assert process.wait(TIMEOUT) == 0


def is_listening(port):
    with contextlib.suppress(ConnectionRefusedError):
        return post(port, "GET", "/_test")
    return False


def post(port, method, path, body=None):
    with contextlib.closing(HTTPConnection("127.0.0.1", port)) as connection:
        return send_request(connection, method, path, body).status == 200


def test_events_arrive_signed_and_are_repeated_until_they_are_accepted(fake_port, webhook_port):
    client = stripe.StripeClient(
        "sk_test_x", base_addresses={"api": f"http://127.0.0.1:{fake_port}"}
    )
    params = {"amount": 500, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
    client.v1.payment_intents.create(params)  # before the service listens
    with receiving(webhook_port, 500) as received:
        wait_until(lambda: len(accepted(received)) == 3)
        assert sum(status == 500 for status, *_ in received) == 1
        for _, body, signature in received:
            client.construct_event(body, signature, SECRET)
        assert accepted(received) == {
            *("payment_intent.created", "payment_intent.succeeded", "charge.succeeded"),
        }


def accepted(received):
    """Return the types of the events that were answered with 200."""
    return {json.loads(body)["type"] for status, body, _ in received if status == 200}
