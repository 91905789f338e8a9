"""The service with everything it depends on, faults in each part, and a load that checks results.

The load's clients write under idempotency keys and retry until a write is acknowledged.
"""

import contextlib
import itertools
import json
import subprocess
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil
import psycopg
from flask_migrate import upgrade

from app import create_app
from app.auth.actions import sessions
from app.database.base import db
from app.dev.local import pg_ctl, start_postgres, stop_postgres
from app.ledger import actions as ledger
from app.users.models import User
from app.waqf.models import Project
from config import from_environment

from .concurrency import TIMEOUT, wait_until
from .gunicorn_server import GunicornServer
from .settings import PASSWORD_HASH, SECRET, SOAK

FAULT_DURATION = 20 if SOAK else 1  # seconds for which a fault is repeated, at least once
OUTAGE_DURATION = 2 if SOAK else 0.6  # seconds for which a dependency is unavailable
# Do what waiting a minute would do.
SKIP_WAITS = """
    UPDATE idempotency_keys SET leased_until = NULL;  -- leases of killed workers have expired
    UPDATE payments SET created_at = created_at - interval '1 minute'  -- Stripe's lists are current
    WHERE intent_id IS NULL AND created_at > now() - interval '1 minute'
"""
NUMBERS = itertools.count(1)  # unique, so that no two writes have the same amount


class Postgres:
    """A PostgreSQL server for these tests only, which can be stopped while it is in use."""

    def __init__(self, folder):
        self.data = folder / "data"
        self.start()
        with self.connect() as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET max_connections = 20")  # the service uses 12
        self.crash()
        self.url = self.server.get_uri()

    def start(self):
        """Start the server."""
        self.server = start_postgres(self.data)

    def crash(self):
        """Abort all server processes and start the server again."""
        arguments = ["-m", "immediate", "-w", "-l", str(self.data / "log"), "restart"]
        pg_ctl(arguments, pgdata=self.data, user=self.server.system_user)

    def connect(self):
        """Open a connection in autocommit mode."""
        return psycopg.connect(self.server.get_uri(), autocommit=True)

    def sql(self, statement, *values):
        """Execute a statement and return its rows."""
        with self.connect() as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def without_connections(self):
        """Take all connections, also those that the service had."""
        others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> ALL(%s)"
        with contextlib.ExitStack() as stack:
            connections = []
            while True:
                with contextlib.suppress(psycopg.OperationalError):
                    while True:
                        connections.append(stack.enter_context(self.connect()))
                pids = [connection.info.backend_pid for connection in connections]
                terminate = f"SELECT pg_terminate_backend(pid) {others}"
                if not connections[0].execute(terminate, [pids]).fetchall():
                    break
            yield

    @contextlib.contextmanager
    def frozen(self):
        """Suspend all server processes: connections stay open, but nothing responds."""
        server = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        processes = [server, *server.children()]
        with contextlib.ExitStack() as stack:
            for process in processes:
                process.suspend()
                stack.callback(process.resume)
            yield

    @contextlib.contextmanager
    def locked(self, tables):
        """Lock the tables, so that other transactions wait to read or write them."""
        with psycopg.connect(self.server.get_uri()) as connection:
            connection.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
            yield


class Disk:
    """A small file system; ``mounted`` is False if this user may not mount one."""

    def __init__(self, folder, stack):
        folder.mkdir()
        self.folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", "size=128m,mode=1777", "tmpfs", folder]
        self.mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if self.mounted:
            stack.callback(subprocess.run, ["umount", "-l", folder], check=True)

    @contextlib.contextmanager
    def full(self):
        """Fill the disk; yield a function that fills it again after files were deleted."""
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file:

            def fill():
                with contextlib.suppress(OSError):
                    while file.write(bytes(4096)):
                        pass

            fill()
            try:
                yield fill
            finally:
                filler.unlink()


class RestartableServer(GunicornServer):
    """gunicorn that can be restarted on a new port and whose workers share their rate limits."""

    def connect_to_each_worker(self, token=None):
        """Wait for both workers; shared rate limits cannot tell them apart."""
        wait_until(lambda: len(self.workers()) == 2)

    def workers(self):
        """Return the worker processes."""
        return psutil.Process(self.process.pid).children()


class SystemUnderTest:
    """The running service with its PostgreSQL, Redis, Stripe and disks."""

    def __init__(self, stripe, redis, stack):
        self.stripe, self.redis = stripe, redis
        # Ignore requests of killed workers that arrive without body or key.
        respond = stripe.respond
        stripe.respond = lambda *request: (
            respond(*request) if request[0] == "GET" or request[2] else None
        )
        folder = Path(tempfile.mkdtemp(prefix="ose-faults-"))
        folder.chmod(0o755)  # PostgreSQL runs as another user if the tests run as root
        stack.callback(subprocess.run, ["rm", "-rf", "--one-file-system", folder], check=False)
        self.uploads = Disk(folder / "uploads", stack)
        self.temporary = Disk(folder / "temporary", stack)
        self.postgres = Postgres(folder)
        stack.callback(lambda: stop_postgres(self.postgres.server))
        environment = {
            "APP_ENV": "development",  # in testing, an unexpected exception is not answered as 500
            "JWT_SECRET_KEY": SECRET,
            "RATELIMIT_DONATIONS": "1000000 per minute",
            "REDIS_URL": redis.url if redis else "",
            "STRIPE_API_BASE": stripe.url,
            "STRIPE_SECRET_KEY": "sk_test_x",
            "STRIPE_WEBHOOK_SECRET": stripe.secret,
            "TMPDIR": str(self.temporary.folder),
            "UPLOAD_DIR": str(self.uploads.folder / "files"),
        }
        # A second app, in this process, runs commands and checks.
        more = {"DATABASE_URL": self.postgres.url, "LOG_LEVEL": "critical"}
        self.app = create_app(from_environment(environment | more))
        with self.app_context():
            upgrade()
            project = Project(name="A well", category="water", currency="USD", funding_goal=10**12)
            db.session.add(project)
            db.session.flush()
            self.project_id = str(project.id)
        self.server = RestartableServer(self.postgres.url, folder, environment)
        stack.callback(lambda: self.server.process.poll() is None and self.server.stop())
        self.server.start()

    @contextlib.contextmanager
    def app_context(self):
        """Enter the second app's context; commit at its end and close all connections."""
        with self.app.test_request_context():
            yield
            db.session.commit()
            db.engine.dispose()

    def create_user(self):
        """Create a user and return their id and an access token."""
        with self.app_context():
            email = f"user{next(NUMBERS)}@example.org"
            user = User(name="Fatima", email=email, role="user", password_hash=PASSWORD_HASH)
            db.session.add(user)
            db.session.flush()
            return user.id, sessions.create_session(user)["access_token"]

    def reconcile(self):
        """Run ``flask payments reconcile`` and return whether it succeeded."""
        return not self.app.test_cli_runner().invoke(args=["payments", "reconcile"]).exit_code

    def discrepancies(self):
        """Return the differences between stored totals and the ledger."""
        with self.app_context():
            return list(ledger.check())

    def payment_intents(self):
        """Return the (payment id, intent id) pairs of the database, and those of Stripe."""
        rows = self.postgres.sql("SELECT id::text, intent_id FROM payments")
        intents = self.stripe.intents.items()
        at_stripe = [(intent["metadata"]["payment_id"], id) for id, intent in intents]
        return sorted(rows), sorted(at_stripe)


@dataclass
class PendingWrite:
    """A write that is sent until it has been acknowledged ``times`` times."""

    kind: str
    number: int
    event: dict | None = None
    times: int = 1
    id: str | None = None  # of the row that it belongs to


@dataclass
class LoadGenerator:
    """Clients, one for each kind of write, that retry each write until it is acknowledged."""

    system: SystemUnderTest
    kinds: tuple
    acknowledged: list = field(default_factory=list)  # (kind, sent at, acknowledged at)
    ids: dict = field(default_factory=lambda: defaultdict(dict))  # kind → number → id
    errors: Counter = field(default_factory=Counter)  # (status, code) of error responses
    broken: Counter = field(default_factory=Counter)  # exceptions of broken connections, by name
    violations: list = field(default_factory=list)  # responses that no client should ever get
    slowest: float = 0
    sent: int = 0
    stopping: bool = False

    def __post_init__(self):
        self.user_id, self.token = self.system.create_user()

    def __enter__(self):
        self.clients = []
        for kind in self.kinds:
            client = threading.Thread(target=self._run_client, args=[kind], daemon=True)
            self.clients.append(client)
            client.start()
        return self

    def __exit__(self, *_):
        """Start no more writes, and wait until all are acknowledged."""
        self.stopping = True
        deadline = time.monotonic() + 4 * TIMEOUT
        while any(client.is_alive() for client in self.clients):
            assert time.monotonic() < deadline, "some writes were never acknowledged"
            if not SOAK:
                self.system.postgres.sql(SKIP_WAITS)
            self.clients[0].join(0.2)
            self.clients = self.clients[1:] + self.clients[:1]

    def _run_client(self, kind):
        pending = []
        while pending or not self.stopping:
            if not self.stopping and len(pending) < 8:
                pending.append(PendingWrite(kind, next(NUMBERS)))
            pending = [next_write for write in pending for next_write in self._attempt(write)]

    def _attempt(self, write):
        """Send ``write`` once and return the writes that are still to be sent."""
        started, self.sent = time.monotonic(), self.sent + 1
        body = self._send_and_check(write)
        ended = time.monotonic()
        self.slowest = max(self.slowest, ended - started)
        if body is None:
            time.sleep(0.05)
            return [write]
        self.acknowledged.append((write.kind, started, ended))
        return self._follow_up(write, body)

    def _send_and_check(self, write):
        """Send ``write`` and return the body of the acknowledgement, or None after an error."""
        try:
            status, headers, text = self.send(write)
            body = json.loads(text)
        except (OSError, HTTPException, ValueError) as error:
            self.broken[type(error).__name__] += 1
            if isinstance(error, TimeoutError | ValueError):
                self.violations.append((write, repr(error)))
            return None
        if status < 400:
            return body
        self.errors[status, body.get("code")] += 1
        has_envelope = body.keys() == {"error", "code", "requestId"}
        if not has_envelope or (status == 503) != ("Retry-After" in headers):
            self.violations.append((write, status, dict(headers), body))
        return None

    def _follow_up(self, write, body):
        """Return the writes that follow an acknowledged one; a donation is paid at Stripe."""
        if write.times > 1:
            write.times -= 1
            return [write]
        row_id = write.id or body.get("id") or body.get("filename")
        self.ids[write.kind][write.number] = row_id
        if write.kind != "donation":
            return []
        intent_id = body["payment"]["clientSecret"].partition("_secret")[0]
        event, _ = self.system.stripe.succeed(intent_id)
        if write.number % 10 == 0:
            return []  # Stripe never delivers the event
        return [PendingWrite("event", write.number, event, 1 + write.number % 2, row_id)]

    def send(self, write):
        """Send ``write`` over a new connection and return status, headers and text."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"{write.kind}-{write.number}",
        }
        match write.kind:
            case "calculation":
                path, body = "zakat/calculations", {"wealth": write.number, "nisab": 1}
            case "donation":
                amount = f"{1 + Decimal(write.number) / 100}"
                path = "waqf/donations"
                body = {"projectId": self.system.project_id, "amount": amount}
            case "event":
                path, (body, headers) = (
                    "webhooks/stripe",
                    self.system.stripe.sign_event(write.event),
                )
            case "upload":
                headers["Content-Type"] = "multipart/form-data; boundary=b"
                path, body = "upload", upload_form(write.number)
        body = json.dumps(body) if isinstance(body, dict) else body
        connection = HTTPConnection("127.0.0.1", self.system.server.port, timeout=TIMEOUT)
        with contextlib.closing(connection):
            connection.request("POST", f"/api/{path}", body, headers)
            with connection.getresponse() as response:
                return response.status, response.headers, response.read()

    def wait_for_progress(self):
        """Wait until another write of each kind is acknowledged."""
        before = len(self.acknowledged)
        wait_until(lambda: {kind for kind, *_ in self.acknowledged[before:]} >= {*self.kinds})

    def wait_for_recovery(self, since, kinds):
        """Wait for a write sent after ``since`` to be acknowledged; return the seconds it took."""

        def recovery_times():
            acknowledged = [times for kind, *times in list(self.acknowledged) if kind in kinds]
            return [ended - since for started, ended in acknowledged if started >= since]

        return min(wait_until(recovery_times))


def upload_form(number):
    """Return the form of an upload: a few bytes, or more than a memory buffer holds."""
    pdf = b"%PDF-" + b"%d " % number * (4000 if number % 2 else 40)
    name = f'name="file"; filename="upload-{number}.pdf"'.encode()
    return b"--b\r\nContent-Disposition: form-data; " + name + b"\r\n\r\n" + pdf + b"\r\n--b--\r\n"
