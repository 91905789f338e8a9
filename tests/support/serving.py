"""gunicorn as it is deployed, and how it is asked over real HTTP."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

from config import Settings

from .settings import SECRET

ROOT = Path(__file__).parent.parent.parent
ME = "/api/auth/me"
PATIENCE = 30  # seconds until waiting for anything counts as a failure


@dataclass
class Server:
    """gunicorn in a process of its own; its log goes to files."""

    database_url: str
    folder: Path
    environment: dict = field(default_factory=dict)
    port: int = 0
    connections: list = field(default_factory=list)

    def start(self):
        self.port = free_port()
        given = {
            "APP_ENV": "testing",
            "DATABASE_URL": self.database_url,
            "JWT_SECRET_KEY": SECRET,
            "PORT": str(self.port),
            "RATELIMIT_DEFAULT": "1000000 per hour",
            "UPLOAD_DIR": str(self.folder / "uploads"),
            "WEB_CONCURRENCY": "2",
            **self.environment,
        }
        with self.stdout.open("wb") as stdout, self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
                cwd=ROOT,
                env={**unset(), **given},
                stdout=stdout,
                stderr=stderr,
            )
        until(self.answers)
        self.each_worker()
        self.disconnect()

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(self.stdout.read_text() + self.stderr.read_text())
        try:
            return self.ask("GET", "/api/health").status == 200
        except ConnectionError:
            return False

    def stop(self):
        """End it as an operator would; the code that it ended with."""
        self.disconnect()
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self):
        """The code that it ended with, once it has."""
        self.disconnect()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()  # only where waiting was in vain
            self.process.wait()

    def disconnect(self):
        for connection in self.connections:
            connection.close()

    @property
    def stdout(self):
        return self.folder / "stdout"

    @property
    def stderr(self):
        return self.folder / "stderr"

    def log(self):
        """Its lines; one that is only half written yet is left for later."""
        whole, _, _ = self.stdout.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def connect(self):
        """A connection that stays open, and so stays with one worker."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.connections.append(connection)
        return connection

    def each_worker(self, token=None):
        """An open connection to each of the two workers, for somebody who has asked nothing yet."""

        # Each worker counts a client's requests for itself: where a later connection finds as many
        # left as the first one did, it is the other worker that has counted.
        def left(connection):
            return ask(connection, "GET", ME, token=token).headers["X-RateLimit-Remaining"]

        def second():
            connection = self.connect()
            if left(connection) == before:
                return connection
            connection.close()
            return None

        first = self.connect()
        before = left(first)
        assert before
        return first, until(second)

    def ask(self, method, path, body=None, *, token=None, **headers):
        """The answer to one request, over a connection of its own."""
        with contextlib.closing(
            HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        ) as connection:
            return ask(connection, method, path, body, token=token, **headers)


def ask(connection, method, path, body=None, *, token=None, **headers):
    """The whole answer to one request."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    if body is not None:
        sent["Content-Type"] = "application/json"
    connection.request(method, path, body and json.dumps(body), sent)
    with connection.getresponse() as response:
        text = response.read().decode()
    return SimpleNamespace(
        status=response.status,
        headers=response.headers,
        text=text,
        json=json.loads(text) if text else None,
    )


def unset():
    """The environment without any setting of the service."""
    names = {setting.name.upper() for setting in fields(Settings)}
    return {name: value for name, value in os.environ.items() if name not in names}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(found):
    """What ``found`` finds, as soon as that is anything."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        result = found()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"{found} found nothing in {PATIENCE} s")


def at_once(deed, times):
    """The results of ``deed(0)``, ``deed(1)``, … all begun in the same moment."""
    ready = threading.Barrier(times)

    def begin(number):
        ready.wait(PATIENCE)
        return deed(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(begin, range(times)))
