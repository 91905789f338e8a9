"""How gunicorn starts and ends, and what keeps it from serving."""

import contextlib
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import make_url

from app.users import passwords

from ..support.concurrency import TIMEOUT, wait_until
from ..support.gunicorn_server import GunicornServer, send_request
from ..support.processes import ROOT, environment_without_settings, free_port

STRONG_SECRET = "ehvp8CcBm0gMlnVUMHs3SKVb0pr6ixIwIxjmGSpKKtY"
PUBLISHED_HASH = passwords.hash_password(passwords.PUBLISHED_PASSWORD)
PRODUCTION = {"APP_ENV": "production", "JWT_SECRET_KEY": STRONG_SECRET, "WEB_CONCURRENCY": "1"}

pytestmark = pytest.mark.usefixtures("app")


def start_and_fail(database_url, *arguments, **environment):
    """Start gunicorn, which must exit by itself; return its exit code and its stderr."""
    environment = {"DATABASE_URL": database_url, "PORT": str(free_port()), **environment}
    result = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", *arguments, "wsgi:app"],
        cwd=ROOT,
        env={**environment_without_settings(), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    return result.returncode, result.stderr


@pytest.fixture
def renamed_admin(make_user, sql):
    """Create an admin of the sample data who has another name and address."""
    user = make_user("admin", email="chief@elsewhere.example", name="The chief")
    sql("UPDATE users SET password_hash = %s WHERE id = %s", PUBLISHED_HASH, user.id)
    return user


def test_production_does_not_start_while_the_published_password_signs_in(
    database_url, renamed_admin
):
    code, stderr = start_and_fail(database_url, **PRODUCTION)
    assert code == 1
    assert "chief@elsewhere.example (admin)" in stderr
    assert "users disable" in stderr
    assert "Traceback" not in stderr


def test_production_starts_without_such_an_account(make_server, make_user):
    make_user("admin")
    server = make_server(**PRODUCTION | {"WEB_CONCURRENCY": "2"})
    assert server.request("GET", "/api/health/ready").status == 200
    assert not any("accounts are checked later" in line["message"] for line in server.log())


def test_a_check_that_the_database_missed_is_made_when_it_is_back(
    database_url, renamed_admin, tmp_path
):
    url = make_url(database_url)
    with psycopg.connect(database_url) as connection:
        port = connection.info.port
        socket = Path(connection.info.host) / f".s.PGSQL.{port}"
    query = {"host": str(tmp_path), "port": str(port)}
    away = url.set(query=query).render_as_string(hide_password=False)
    server = GunicornServer(away, tmp_path, PRODUCTION)
    server.start()
    try:
        assert server.request("GET", "/api/health").status == 200
        assert any("accounts are checked later" in line["message"] for line in server.log())
        (tmp_path / socket.name).symlink_to(socket)
        wait_until(lambda: server.process.poll() is not None)
    finally:
        code = server.wait_for_exit()
    assert code == 1
    (line,) = [line for line in server.log() if line["level"] == "CRITICAL"]
    assert "chief@elsewhere.example" in line["message"]


# The address


PUBLIC = [
    (("-b", "0.0.0.0:0"), {}),
    (("-b", "127.0.0.1:0", "-b", "[::]:0"), {}),
    ((), {"GUNICORN_CMD_ARGS": "--bind 0.0.0.0:0"}),
]


@pytest.mark.parametrize(
    ("app_env", "arguments", "environment"),
    [("testing", *PUBLIC[0]), *(("development", *public) for public in PUBLIC)],
    ids=str,
)
def test_a_public_address_stops_the_start_outside_production(
    database_url, app_env, arguments, environment
):
    code, stderr = start_and_fail(database_url, *arguments, **environment, APP_ENV=app_env)
    assert code == 1
    assert f"is open to other machines, but APP_ENV is {app_env}" in stderr
    assert "APP_ENV=production" in stderr
    assert "Traceback" not in stderr


def test_a_test_key_and_files_on_the_disk_of_production_are_named_in_the_log(make_server):
    stripe = {"STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_WEBHOOK_SECRET": STRONG_SECRET}
    server = make_server(**PRODUCTION | {"WEB_CONCURRENCY": "2"}, **stripe)
    assert any("test key" in line["message"] for line in server.log())
    assert any("Without S3_BUCKET" in line["message"] for line in server.log())


# The address and the end


def test_production_listens_on_ipv4_and_ipv6(make_server):
    server = make_server(**PRODUCTION)
    for host in ("127.0.0.1", "::1"):
        with contextlib.closing(HTTPConnection(host, server.port, timeout=TIMEOUT)) as connection:
            assert send_request(connection, "GET", "/api/health").status == 200

    def addresses():
        return {line["address"] for line in server.log() if line.get("path") == "/api/health"}

    wait_until(lambda: addresses() == {"127.0.0.1", "::1"})


@pytest.mark.parametrize("signals_workers", [False, True], ids=["master", "all processes"])
def test_readiness_fails_before_the_port_closes(make_server, signals_workers):
    server = make_server(DRAIN_TIME="2")
    workers = psutil.Process(server.process.pid).children()
    assert server.request("GET", "/api/health/ready").status == 200
    for process in workers if signals_workers else ():
        process.terminate()
    server.process.terminate()
    wait_until(lambda: server.request("GET", "/api/health/ready").status == 503)
    checks = server.request("GET", "/api/health/ready").json["checks"]
    assert checks == {"instance": "stopping"}
    assert server.request("GET", "/api/zakat/nisab?currency=EUR").status == 404
    assert server.wait_for_exit() == 0
    with pytest.raises(ConnectionRefusedError):
        server.request("GET", "/api/health")


def test_a_second_sigterm_ends_the_draining(make_server):
    server = make_server(DRAIN_TIME="600")
    server.process.terminate()
    wait_until(lambda: server.request("GET", "/api/health/ready").status == 503)
    assert server.stop() == 0
