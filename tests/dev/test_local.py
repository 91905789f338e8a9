"""``make run`` in a new checkout, as in the README's third transcript."""

import base64
import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest

from app.dev.demo import PASSWORD
from app.dev.local import STRIPE_KEY

from ..support.concurrency import TIMEOUT, wait_until
from ..support.gunicorn_server import send_request
from ..support.processes import ROOT, environment_without_settings, free_port

DEPLOYED_FILES = ("app", "migrations", "config.py", "gunicorn.conf.py", "wsgi.py")
CARD = {"type": "card", "card[number]": "4242424242424242", "card[cvc]": "123"}
CARD |= {"card[exp_month]": "12", "card[exp_year]": "2030"}


def copy_checkout(folder):
    """Copy the files that ``make run`` needs to ``folder``."""
    for name in DEPLOYED_FILES:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)


class Checkout:
    """The service as ``make run`` serves it from a new folder, with its local Stripe."""

    def __init__(self, folder):
        copy_checkout(folder)
        self.instance, self.port = folder / "instance", free_port()
        self.subprocess_options = {
            "cwd": folder,
            "env": {**environment_without_settings(), "PORT": str(self.port)},
            "text": True,
        }
        log = folder / "log"
        with log.open("w") as output:
            command = [sys.executable, "-m", "app.dev.local"]
            self.process = subprocess.Popen(command, **self.subprocess_options, stdout=output)
        wait_until(lambda: "Ctrl-C" in log.read_text())

    def interrupt(self):
        """Send Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(TIMEOUT)

    def run_flask(self, *command):
        """Run a ``flask`` command and return its output."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *command]
        return subprocess.check_output(command, **self.subprocess_options).strip()

    def request(self, method, path, body=None, token=None):
        """Send a request to the API and return the JSON of the response."""
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port)) as connection:
            return send_request(connection, method, f"/api/{path}", body, token=token).json

    def sign_in(self, name):
        """Sign in as a user of the sample data and return the access token."""
        credentials = {"email": f"{name}@example.org", "password": PASSWORD}
        return self.request("POST", "auth/login", credentials)["accessToken"]

    def pay(self, donation):
        """Pay as the donor's browser would, with requests to Stripe."""
        intent = donation["payment"]["clientSecret"].partition("_secret")[0]
        card = self.post_to_stripe("payment_methods", CARD)["id"]
        self.post_to_stripe(f"payment_intents/{intent}", {"payment_method": card})
        self.post_to_stripe(f"payment_intents/{intent}/confirm", {})

    def post_to_stripe(self, path, form):
        """Post ``form`` to the local Stripe and return the JSON of the response."""
        key = base64.b64encode(f"{STRIPE_KEY}:".encode()).decode()
        headers = {"Authorization": f"Basic {key}"}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        address = (self.instance / "stripe").read_text().removeprefix("http://")
        with contextlib.closing(HTTPConnection(address)) as connection:
            connection.request("POST", f"/v1/{path}", urlencode(form), headers)
            with connection.getresponse() as response:
                assert response.status == 200
                return json.load(response)


@pytest.fixture
def checkout(tmp_path):
    checkout = Checkout(tmp_path)
    yield checkout
    if checkout.process.poll() is None:
        checkout.interrupt()


def test_donations_reach_the_goal_through_the_local_stripe_and_its_webhooks(checkout):
    client, officer = checkout.sign_in("fatima"), checkout.sign_in("officer")
    new_project = {"name": "A clinic", "category": "healthcare", "fundingGoal": 1000}
    project = checkout.request("POST", "waqf/projects", new_project, officer)["id"]
    page = f"waqf/projects/{project}"
    for amount, is_anonymous in ((400, True), (600, False)):
        new_donation = {"projectId": project, "amount": amount, "isAnonymous": is_anonymous}
        donation = checkout.request("POST", "waqf/donations", new_donation, client)
        checkout.pay(donation)
    wait_until(lambda: checkout.request("GET", page)["raised"] == 1000)
    completed = checkout.request("GET", page)
    assert (completed["donorCount"], completed["progress"]) == (1, 1)
    assert completed["completedAt"]
    public = checkout.request("GET", f"{page}/donations")["data"]
    assert [donation["donorName"] for donation in public] == ["Fatima al-Fihri", None]
    error = checkout.request("POST", "waqf/donations", {"projectId": project, "amount": 5}, client)
    assert error["code"] == "GOAL_MET"
    path = f"waqf/donations/{donation['id']}/refund"
    refunded = checkout.request("POST", path, {"amount": 100}, checkout.sign_in("admin"))
    assert (refunded["status"], refunded["refundedAmount"]) == ("succeeded", 100)
    assert checkout.request("GET", page)["raised"] == 900
    assert checkout.run_flask("ledger", "check") == "nothing differs"

    assert checkout.interrupt() == 0
    assert not (checkout.instance / "stripe").exists()
    assert not (checkout.instance / "postgres" / "postmaster.pid").exists()


def test_a_taken_port_is_reported_before_anything_is_started(tmp_path):
    copy_checkout(tmp_path)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        result = subprocess.run(
            [sys.executable, "-m", "app.dev.local"],
            cwd=tmp_path,
            env={**environment_without_settings(), "PORT": port},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )
    assert (result.returncode, result.stdout) == (1, "")
    (message,) = result.stderr.splitlines()
    assert f"Port {port} is not available" in message
    assert "PORT=" in message
    assert not (tmp_path / "instance" / "postgres").exists()
    assert not (tmp_path / "instance" / "stripe").exists()
