"""gunicorn as it is deployed, and requests to it over real HTTP."""

import contextlib
import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

from .concurrency import TIMEOUT, wait_until
from .processes import ROOT, environment_without_settings, free_port
from .settings import SECRET

ME = "/api/auth/me"


@dataclass
class GunicornServer:
    """gunicorn in a separate process; its log goes to files."""

    database_url: str
    folder: Path
    environment: dict = field(default_factory=dict)
    port: int = 0
    connections: list = field(default_factory=list)

    def start(self):
        """Start gunicorn and wait until both workers respond."""
        self.port = free_port()
        settings = {
            "APP_ENV": "testing",
            "DATABASE_URL": self.database_url,
            "DEV_CLOCK_FILE": str(self.folder / "clock"),
            "DEV_ROUTES": "false",
            "JWT_SECRET_KEY": SECRET,
            "PORT": str(self.port),
            "RATELIMIT_DEFAULT": "1000000 per hour",
            "RATELIMIT_ADDRESS": "1000000000 per hour",
            "RATELIMIT_REGISTER": "1000000 per hour",
            "UPLOAD_DIR": str(self.folder / "uploads"),
            "WEB_CONCURRENCY": "2",
            **self.environment,
        }
        with self.stdout.open("wb") as stdout, self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
                cwd=ROOT,
                env={**environment_without_settings(), **settings},
                stdout=stdout,
                stderr=stderr,
            )
        wait_until(self.is_ready)
        if settings["WEB_CONCURRENCY"] != "1":
            self.connect_to_each_worker()
        self.disconnect()

    def is_ready(self):
        """Return whether the server responds; fail if it has exited."""
        if self.process.poll() is not None:
            raise AssertionError(self.stdout.read_text() + self.stderr.read_text())
        try:
            return self.request("GET", "/api/health").status == 200
        except ConnectionError:
            return False

    def stop(self):
        """Stop the server as an operator would and return its exit code."""
        self.disconnect()
        self.process.send_signal(signal.SIGTERM)
        return self.wait_for_exit()

    def wait_for_exit(self):
        """Wait until the process has ended and return its exit code."""
        self.disconnect()
        try:
            return self.process.wait(TIMEOUT)
        finally:
            self.process.kill()  # has an effect only after a timeout
            self.process.wait()

    def disconnect(self):
        """Close every connection that ``connect`` opened."""
        for connection in self.connections:
            connection.close()

    @property
    def stdout(self):
        """The file of the server's standard output."""
        return self.folder / "stdout"

    @property
    def stderr(self):
        """The file of the server's standard error."""
        return self.folder / "stderr"

    def log(self):
        """Return the log's lines, parsed, without a last line that is only half written."""
        complete, _, _ = self.stdout.read_text().rpartition("\n")
        return [json.loads(line) for line in complete.splitlines()]

    def connect(self):
        """Open a connection that stays open, and so stays with one worker."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        self.connections.append(connection)
        return connection

    def connect_to_each_worker(self, token=None):
        """Open a connection to each of the two workers, for a client without earlier requests."""

        # Each worker counts a client's requests separately: if a later connection has as many
        # requests left as the first one had, the other worker has counted them.
        def remaining(connection):
            response = send_request(connection, "GET", ME, token=token)
            return response.headers["X-RateLimit-Remaining"]

        def connect_to_other_worker():
            connection = self.connect()
            if remaining(connection) == remaining_at_first:
                return connection
            connection.close()
            return None

        first = self.connect()
        remaining_at_first = remaining(first)
        assert remaining_at_first
        return first, wait_until(connect_to_other_worker)

    def request(self, method, path, body=None, *, token=None, **headers):
        """Send one request over a new connection and return the response."""
        with contextlib.closing(
            HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        ) as connection:
            return send_request(connection, method, path, body, token=token, **headers)


def send_request(connection, method, path, body=None, *, token=None, **headers):
    """Send one request over ``connection``, with ``body`` as JSON, and return the response."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection.request(method, path, body and json.dumps(body), headers)
    with connection.getresponse() as response:
        text = response.read().decode()
    return SimpleNamespace(
        status=response.status,
        headers=response.headers,
        text=text,
        json=json.loads(text) if text else None,
    )
