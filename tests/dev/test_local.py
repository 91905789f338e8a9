"""``make run`` in a new checkout, and the documentation's transcripts run against it."""

import socket
import subprocess
import sys

import pytest

from ..support.concurrency import TIMEOUT, wait_until
from ..support.local_checkout import Checkout, copy_checkout
from ..support.processes import ROOT, environment_without_settings
from ..support.transcripts import matches, run_commands, transcript_of

DOCUMENTS = ("README.md", "docs/api.md")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Yield a running checkout, and assert that Ctrl-C stops everything that it has started."""
    checkout = Checkout(tmp_path_factory.mktemp("checkout"))
    yield checkout
    assert checkout.interrupt() == 0
    assert not (checkout.instance / "stripe").exists()
    assert not (checkout.instance / "postgres" / "postmaster.pid").exists()


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
    assert (completed["donorCount"], completed["progress"]) == (2, 1)
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


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documented_commands_print_the_documented_output(checkout, name):
    transcript = transcript_of((ROOT / name).read_text())
    assert transcript
    files = files_of(checkout)
    for _ in range(2):  # a reader may repeat them
        outputs = run_commands([command for command, _ in transcript], checkout)
        for (command, documented), output in zip(transcript, outputs, strict=True):
            assert matches(output, documented), f"$ {command}\n{output}\n\nnot\n\n{documented}"
    assert files_of(checkout) == files


def files_of(checkout):
    """Return the files in the checkout's folder, which might contain tokens."""
    return {path.name for path in checkout.instance.parent.iterdir()}
