"""``make run`` in a new checkout, and the documentation's transcripts run against it."""

import contextlib
import os
import secrets
import signal
import socket
import stat
import subprocess
import sys
from http.client import HTTPConnection

import psutil
import psycopg
import pytest

from app.database.base import db
from app.dev import local
from app.dev.demo import DEMO_USERS
from app.users.models import User

from ..support.cli import run_command
from ..support.concurrency import TIMEOUT, wait_until
from ..support.databases import create_scratch_app
from ..support.gunicorn_server import send_request
from ..support.local_checkout import START_TIMEOUT, Checkout, copy_checkout
from ..support.processes import ROOT, environment_without_settings, free_port
from ..support.settings import PASSWORD, SOAK
from ..support.transcripts import matches, run_commands, transcript_of

DOCUMENTS = ("README.md", "docs/api.md")


@pytest.fixture(scope="module")
def production_url(postgres_url):
    """Yield the URL of an empty database, to be taken for production's."""
    with create_scratch_app(postgres_url) as app:
        yield app.config["DATABASE_URL"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, production_url):
    """Yield a running checkout, and assert that Ctrl-C stops everything that it has started.

    It is started with production's database in the environment, and with files that all can read.
    """
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "instance").mkdir(mode=0o755)
    (folder / "instance" / "jwt-secret-key").write_text(secrets.token_urlsafe(48))
    urls = {"DATABASE_URL": production_url, "DATABASE_READ_URL": production_url}
    # the transcripts run twice within a minute, with a donor whom other tests use too
    checkout = Checkout(folder, **urls, RATELIMIT_DONATIONS="100 per minute")
    for name in urls:
        del checkout.subprocess_options["env"][name]
    # The worker makes up for the last day at its start: the tests begin when it has.
    wait_until(lambda: "never run" not in checkout.run_flask("jobs", "list"), timeout=START_TIMEOUT)
    yield checkout
    assert checkout.interrupt() == 0
    assert processes_in(folder) == []
    assert not (checkout.instance / "stripe").exists()
    assert not (checkout.instance / "postgres" / "postmaster.pid").exists()


def processes_in(folder):
    """Return the ids of the processes that run in the folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder):
                found.append(process.pid)
    return found


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


def test_a_worker_runs_the_scheduled_jobs(checkout):
    assert "never run" not in checkout.run_flask("jobs", "list")
    assert checkout.request("GET", "health/ready")["checks"]["jobs"] == "ok"


def tables_of(url):
    """Return the number of tables in the database at ``url``."""
    with psycopg.connect(url) as connection:
        statement = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        return connection.execute(statement).fetchone()[0]


def test_a_deployed_database_in_the_environment_is_ignored(checkout, production_url):
    assert tables_of(production_url) == 0
    for name in ("DATABASE_URL", "DATABASE_READ_URL"):
        assert f"{name} is ignored" in checkout.log.read_text()
    assert checkout.sign_in("admin")


def test_a_second_start_in_a_checkout_is_refused_and_leaves_the_first_alone(checkout):
    for port in (str(checkout.port), str(free_port())):
        second = checkout.run_again(PORT=port)
        assert (second.returncode, second.stdout) == (1, "")
        (message,) = second.stderr.splitlines()
        assert f"already serves this checkout, at http://127.0.0.1:{checkout.port}" in message
    assert checkout.request("GET", "health/ready")["status"] == "ready"
    assert checkout.sign_in("fatima")


def test_a_request_for_another_host_is_refused(checkout):
    for host, is_served in [("localhost", True), ("[::1]", True), ("rebound.example", False)]:
        with contextlib.closing(HTTPConnection("127.0.0.1", checkout.port)) as connection:
            headers = {"Host": f"{host}:{checkout.port}"}
            response = send_request(connection, "GET", "/api/public", **headers)
        assert response.status == (200 if is_served else 400), host
        assert is_served or response.json["code"] == "VALIDATION_ERROR"


def test_production_settings_are_refused(checkout):
    second = checkout.run_again(APP_ENV="production", JWT_SECRET_KEY=secrets.token_hex(32))
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == "make run serves for development only: unset APP_ENV.\n"


def test_what_is_in_the_instance_folder_is_for_its_owner_alone(checkout):
    mode = stat.S_IMODE(checkout.instance.stat().st_mode)
    assert mode == (0o711 if os.geteuid() == 0 else 0o700)  # root: PostgreSQL's user passes
    for path in checkout.instance.iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    sockets = [path for path in (checkout.instance / "postgres").iterdir() if path.is_socket()]
    assert [stat.S_IMODE(path.stat().st_mode) for path in sockets] in ([], [0o600])


@pytest.mark.parametrize("has_other_users", [True, False] if SOAK else [True])
def test_a_given_database_is_used_and_gets_the_sample_data_if_it_has_no_other_users(
    tmp_path, postgres_url, has_other_users
):
    with create_scratch_app(postgres_url) as app:
        if has_other_users:
            assert run_command(app, "db", "upgrade").exit_code == 0
            options = ("--email", "a@example.org", "--name", "A", "--password", PASSWORD)
            assert run_command(app, "users", "create", *options).exit_code == 0
        checkout = Checkout(tmp_path, DEV_DATABASE_URL=app.config["DATABASE_URL"])
        try:
            with app.app_context():
                emails = set(db.session.scalars(db.select(User.email)))
            log = checkout.log.read_text()
        finally:
            assert checkout.interrupt() == 0
    assert emails == ({"a@example.org"} if has_other_users else DEMO_USERS.keys())
    assert ("Demo accounts" in log) != has_other_users
    assert not (checkout.instance / "postgres").exists()


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


@pytest.mark.soak
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documented_commands_print_the_documented_output(checkout, name):
    transcript = transcript_of((ROOT / name).read_text())
    assert transcript
    files = files_of(checkout)
    for _ in range(2 if SOAK else 1):  # a reader may repeat them
        outputs = run_commands([command for command, _ in transcript], checkout)
        for (command, documented), output in zip(transcript, outputs, strict=True):
            assert matches(output, documented), f"$ {command}\n{output}\n\nnot\n\n{documented}"
    assert files_of(checkout) == files


def files_of(checkout):
    """Return the files in the checkout's folder, which might contain tokens."""
    return {path.name for path in checkout.instance.parent.iterdir()}


def test_a_worker_that_ends_by_itself_is_replaced(monkeypatch, capfd):
    monkeypatch.setattr(local, "FLASK", [sys.executable, "-c", "import time; time.sleep(600)"])
    monkeypatch.setattr(local, "RESTART_DELAY", 0)
    worker = local.Worker()
    first = worker.process
    first.kill()
    wait_until(lambda: worker.process is not first)
    second = worker.process
    worker.stop()
    assert second.poll() == -signal.SIGTERM
    assert worker.process is second
    assert "starting another" in capfd.readouterr().out
