"""The service with everything it stands on, all of it to be broken, and a load that counts."""

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
from app.auth import actions
from app.database.base import db
from app.dev.local import pg_ctl, start_postgres, stop_postgres
from app.ledger import actions as ledger
from app.users.models import User
from app.waqf.models import Project
from config import from_environment

from .serving import PATIENCE, Server, until
from .settings import PASSWORD_HASH, SECRET, SOAK

LOAD = 20 if SOAK else 1  # seconds that a fault is repeated for, at least once
OUTAGE = 2 if SOAK else 0.6  # seconds that something stays away
LATER = """
    UPDATE idempotency_keys SET leased_until = NULL;  -- the key of one who died is free again
    UPDATE payments SET created_at = created_at - interval '1 minute'  -- Stripe's lists are whole
    WHERE intent_id IS NULL AND created_at > now() - interval '1 minute'
"""
NUMBERS = itertools.count(1)  # no two writes are of the same amount


class Postgres:
    """A server of our own, which can be stopped while others need it."""

    def __init__(self, folder):
        self.data = folder / "data"
        self.start()
        with self.connected() as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET max_connections = 20")  # the service's are 12
        self.crash()
        self.url = self.server.get_uri()

    def start(self):
        self.server = start_postgres(self.data)

    def crash(self):
        """Let all its processes end where they are, and start it again."""
        how = ["-m", "immediate", "-w", "-l", str(self.data / "log"), "restart"]
        pg_ctl(how, pgdata=self.data, user=self.server.system_user)

    def connected(self):
        return psycopg.connect(self.server.get_uri(), autocommit=True)

    def sql(self, statement, *values):
        with self.connected() as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def without_connections(self):
        """All of its connections are in use, and none of them by the service."""
        others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> ALL(%s)"
        with contextlib.ExitStack() as taken:
            mine = []
            while True:
                with contextlib.suppress(psycopg.OperationalError):
                    while True:
                        mine.append(taken.enter_context(self.connected()))
                pids = [connection.info.backend_pid for connection in mine]
                ended = mine[0].execute(f"SELECT pg_terminate_backend(pid) {others}", [pids])
                if not ended.fetchall():
                    break
            yield

    @contextlib.contextmanager
    def frozen(self):
        """All of its processes stand still; whoever asks them hears nothing."""
        server = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        processes = [server, *server.children()]
        with contextlib.ExitStack() as standing:
            for process in processes:
                process.suspend()
                standing.callback(process.resume)
            yield

    @contextlib.contextmanager
    def locked(self, tables):
        """Whoever writes to the tables, or reads them, waits."""
        with psycopg.connect(self.server.get_uri()) as connection:
            connection.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
            yield


class Disk:
    """A small file system, where whoever runs this may mount one."""

    def __init__(self, folder, ending):
        folder.mkdir()
        self.folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", "size=128m,mode=1777", "tmpfs", folder]
        self.mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if self.mounted:
            ending.callback(subprocess.run, ["umount", "-l", folder], check=True)

    @contextlib.contextmanager
    def full(self):
        """Not a byte more will go in; what is deleted meanwhile makes room until it is filled."""
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


class Service(Server):
    """gunicorn, whose workers count limits together, and which is started again on a new port."""

    def each_worker(self, token=None):
        until(lambda: len(self.workers()) == 2)

    def workers(self):
        return psutil.Process(self.process.pid).children()


class World:
    """All of it, running."""

    def __init__(self, stripe, redis, ending):
        self.stripe, self.redis = stripe, redis
        # A request whose sender was killed before its body came is none, nor is its key used.
        answer = stripe.answer
        stripe.answer = lambda *asked: answer(*asked) if asked[0] == "GET" or asked[2] else None
        folder = Path(tempfile.mkdtemp(prefix="ose-faults-"))
        folder.chmod(0o755)  # PostgreSQL runs as somebody else where this is root
        ending.callback(subprocess.run, ["rm", "-rf", "--one-file-system", folder], check=False)
        self.uploads = Disk(folder / "uploads", ending)
        self.temporary = Disk(folder / "temporary", ending)
        self.postgres = Postgres(folder)
        ending.callback(lambda: stop_postgres(self.postgres.server))
        environment = {
            "APP_ENV": "development",  # in testing, a bug is not answered
            "JWT_SECRET_KEY": SECRET,
            "RATELIMIT_DONATIONS": "1000000 per minute",
            "REDIS_URL": redis.url if redis else "",
            "STRIPE_API_BASE": stripe.url,
            "STRIPE_SECRET_KEY": "sk_test_x",
            "STRIPE_WEBHOOK_SECRET": stripe.secret,
            "TMPDIR": str(self.temporary.folder),
            "UPLOAD_DIR": str(self.uploads.folder / "kept"),
        }
        # The app once more, in this process, for commands and checks.
        more = {"DATABASE_URL": self.postgres.url, "LOG_LEVEL": "critical"}
        self.app = create_app(from_environment(environment | more))
        with self.inside():
            upgrade()
            project = Project(name="A well", category="water", currency="USD", funding_goal=10**12)
            db.session.add(project)
            db.session.flush()
            self.project = str(project.id)
        self.service = Service(self.postgres.url, folder, environment)
        ending.callback(lambda: self.service.process.poll() is None and self.service.stop())
        self.service.start()

    @contextlib.contextmanager
    def inside(self):
        """What is done inside is committed, and leaves no connection open."""
        with self.app.test_request_context():
            yield
            db.session.commit()
            db.engine.dispose()

    def person(self):
        """Somebody new: their id, and a token."""
        with self.inside():
            email = f"person{next(NUMBERS)}@example.org"
            user = User(name="Fatima", email=email, role="user", password_hash=PASSWORD_HASH)
            db.session.add(user)
            db.session.flush()
            return user.id, actions.create_session(user)["access_token"]

    def reconciled(self):
        """Whether ``payments reconcile`` could find out about everything."""
        return not self.app.test_cli_runner().invoke(args=["payments", "reconcile"]).exit_code

    def differences(self):
        with self.inside():
            return list(ledger.check())

    def intents(self):
        """Each payment and its intent, as the database and as Stripe have them."""
        rows = self.postgres.sql("SELECT id::text, intent_id FROM payments")
        there = [(one["metadata"]["payment_id"], id) for id, one in self.stripe.intents.items()]
        return sorted(rows), sorted(there)


@dataclass
class Write:
    """Something that is asked for until it is answered ``times`` times."""

    kind: str
    number: int
    event: dict | None = None
    times: int = 1
    id: str | None = None  # of what was acknowledged


@dataclass
class Load:
    """Clients that write, each write under its key and again until it is acknowledged."""

    world: World
    kinds: tuple
    acknowledged: list = field(default_factory=list)  # (kind, asked at, answered at)
    ids: dict = field(default_factory=lambda: defaultdict(dict))  # kind → number → id
    codes: Counter = field(default_factory=Counter)  # of refusals, by status and code
    broken: Counter = field(default_factory=Counter)  # connections, by how they ended
    wrong: list = field(default_factory=list)  # what no client should ever get
    slowest: float = 0
    sent: int = 0
    stopping: bool = False

    def __post_init__(self):
        self.user_id, self.token = self.world.person()

    def __enter__(self):
        self.clients = []
        for kind in self.kinds:
            self.clients.append(threading.Thread(target=self.work, args=[kind], daemon=True))
            self.clients[-1].start()
        return self

    def __exit__(self, *_):
        """Begin nothing more, and wait until everything is acknowledged."""
        self.stopping = True
        deadline = time.monotonic() + 4 * PATIENCE
        while any(client.is_alive() for client in self.clients):
            assert time.monotonic() < deadline, "not every write was acknowledged in the end"
            if not SOAK:  # nobody waits for a minute
                self.world.postgres.sql(LATER)
            self.clients[0].join(0.2)
            self.clients = self.clients[1:] + self.clients[:1]

    def work(self, kind):
        waiting = []
        while waiting or not self.stopping:
            if not self.stopping and len(waiting) < 8:
                waiting.append(Write(kind, next(NUMBERS)))
            waiting = [left for write in waiting for left in self.tried(write)]

    def tried(self, write):
        """What is left to be done once ``write`` was tried."""
        began, self.sent = time.monotonic(), self.sent + 1
        said = self.answered(write)
        ended = time.monotonic()
        self.slowest = max(self.slowest, ended - began)
        if said is None:
            time.sleep(0.05)
            return [write]
        self.acknowledged.append((write.kind, began, ended))
        return self.after(write, said)

    def answered(self, write):
        """What was said, or nothing where that is no acknowledgement."""
        try:
            status, headers, text = self.send(write)
            said = json.loads(text)
        except (OSError, HTTPException, ValueError) as error:
            self.broken[type(error).__name__] += 1
            if isinstance(error, TimeoutError | ValueError):
                self.wrong.append((write, repr(error)))
            return None
        if status < 400:
            return said
        self.codes[status, said.get("code")] += 1
        in_shape = said.keys() == {"error", "code", "requestId"}
        if not in_shape or (status == 503) != ("Retry-After" in headers):
            self.wrong.append((write, status, dict(headers), said))
        return None

    def after(self, write, said):
        """What follows from an acknowledgement: a donation is paid, and Stripe tells of it."""
        if write.times > 1:
            write.times -= 1
            return [write]
        given = write.id or said.get("id") or said.get("filename")
        self.ids[write.kind][write.number] = given
        if write.kind != "donation":
            return []
        intent = said["payment"]["clientSecret"].partition("_secret")[0]
        event, _ = self.world.stripe.succeed(intent)
        if write.number % 10 == 0:
            return []  # the event never comes
        return [Write("event", write.number, event, 1 + write.number % 2, given)]

    def send(self, write):
        """Status, headers and text of the answer, all of it, over a connection of its own."""
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
                path, body = "waqf/donations", {"projectId": self.world.project, "amount": amount}
            case "event":
                path, (body, headers) = "webhooks/stripe", self.world.stripe.signed(write.event)
            case "upload":
                headers["Content-Type"] = "multipart/form-data; boundary=b"
                path, body = "upload", form(write.number)
        body = json.dumps(body) if isinstance(body, dict) else body
        connection = HTTPConnection("127.0.0.1", self.world.service.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("POST", f"/api/{path}", body, headers)
            with connection.getresponse() as response:
                return response.status, response.headers, response.read()

    def goes_on(self):
        """Wait until it is in full swing: each kind is acknowledged anew."""
        before = len(self.acknowledged)
        until(lambda: {kind for kind, *_ in self.acknowledged[before:]} >= {*self.kinds})

    def recovered(self, since, kinds):
        """Seconds until something was acknowledged that was asked for after ``since``."""

        def late():
            said = [one[1:] for one in list(self.acknowledged) if one[0] in kinds]
            return [ended - since for began, ended in said if began >= since]

        return min(until(late))


def form(number):
    """An upload: of a few bytes, or of more than a buffer holds."""
    pdf = b"%PDF-" + b"%d " % number * (4000 if number % 2 else 40)
    name = f'name="file"; filename="upload-{number}.pdf"'.encode()
    return b"--b\r\nContent-Disposition: form-data; " + name + b"\r\n\r\n" + pdf + b"\r\n--b--\r\n"
