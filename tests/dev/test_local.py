"""``make run`` in a checkout that nobody has used yet: the README's third transcript."""

import base64
import contextlib
import json
import shutil
import signal
import subprocess
import sys
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest

from app.dev.demo import PASSWORD
from app.dev.local import STRIPE_KEY

from ..support.serving import PATIENCE, ROOT, ask, free_port, unset, until

SHIPPED = ("app", "migrations", "config.py", "gunicorn.conf.py", "wsgi.py")
CARD = {"type": "card", "card[number]": "4242424242424242", "card[cvc]": "123"}
CARD |= {"card[exp_month]": "12", "card[exp_year]": "2030"}


class Checkout:
    """The service as ``make run`` serves it from a new folder, and its stand-in for Stripe."""

    def __init__(self, folder):
        for name in SHIPPED:
            shipped = ROOT / name
            (shutil.copytree if shipped.is_dir() else shutil.copy)(shipped, folder / name)
        self.instance, self.port = folder / "instance", free_port()
        self.running = {"cwd": folder, "env": {**unset(), "PORT": str(self.port)}, "text": True}
        said = folder / "said"
        with said.open("w") as output:
            command = [sys.executable, "-m", "app.dev.local"]
            self.process = subprocess.Popen(command, **self.running, stdout=output)
        until(lambda: "Ctrl-C" in said.read_text())

    def interrupted(self):
        """The code that it ended with once somebody pressed Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def flask(self, *command):
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *command]
        return subprocess.check_output(command, **self.running).strip()

    def ask(self, method, path, body=None, token=None):
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port)) as connection:
            return ask(connection, method, f"/api/{path}", body, token=token).json

    def sign_in(self, who):
        given = {"email": f"{who}@example.org", "password": PASSWORD}
        return self.ask("POST", "auth/login", given)["accessToken"]

    def pay(self, donation):
        """Pay as a donor's browser would, which talks to Stripe itself."""
        intent = donation["payment"]["clientSecret"].partition("_secret")[0]
        card = self.at_stripe("payment_methods", CARD)["id"]
        self.at_stripe(f"payment_intents/{intent}", {"payment_method": card})
        self.at_stripe(f"payment_intents/{intent}/confirm", {})

    def at_stripe(self, path, form):
        key = base64.b64encode(f"{STRIPE_KEY}:".encode()).decode()
        sent = {"Authorization": f"Basic {key}"}
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        address = (self.instance / "stripe").read_text().removeprefix("http://")
        with contextlib.closing(HTTPConnection(address)) as connection:
            connection.request("POST", f"/v1/{path}", urlencode(form), sent)
            with connection.getresponse() as answer:
                assert answer.status == 200
                return json.load(answer)


@pytest.fixture
def checkout(tmp_path):
    made = Checkout(tmp_path)
    yield made
    if made.process.poll() is None:
        made.interrupted()


def test_a_goal_is_met_through_the_local_stripe_and_its_webhooks_alone(checkout):
    client, officer = checkout.sign_in("fatima"), checkout.sign_in("officer")
    wanted = {"name": "A clinic", "category": "healthcare", "fundingGoal": 1000}
    project = checkout.ask("POST", "waqf/projects", wanted, officer)["id"]
    page = f"waqf/projects/{project}"
    for amount, is_anonymous in ((400, True), (600, False)):
        given = {"projectId": project, "amount": amount, "isAnonymous": is_anonymous}
        donation = checkout.ask("POST", "waqf/donations", given, client)
        checkout.pay(donation)
    until(lambda: checkout.ask("GET", page)["raised"] == 1000)
    shown = checkout.ask("GET", page)
    assert (shown["donorCount"], shown["progress"]) == (1, 1)
    assert shown["completedAt"]
    names = [one["donorName"] for one in checkout.ask("GET", f"{page}/donations")["data"]]
    assert names == ["Fatima al-Fihri", None]
    more = checkout.ask("POST", "waqf/donations", {"projectId": project, "amount": 5}, client)
    assert more["code"] == "GOAL_MET"
    path = f"waqf/donations/{donation['id']}/refund"
    refunded = checkout.ask("POST", path, {"amount": 100}, checkout.sign_in("admin"))
    assert (refunded["status"], refunded["refundedAmount"]) == ("succeeded", 100)
    assert checkout.ask("GET", page)["raised"] == 900
    assert checkout.flask("ledger", "check") == "nothing differs"

    assert checkout.interrupted() == 0
    assert not (checkout.instance / "stripe").exists()
    assert not (checkout.instance / "postgres" / "postmaster.pid").exists()
