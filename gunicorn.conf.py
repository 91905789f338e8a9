"""Configuration of gunicorn. The values that vary by deployment are settings of config.py."""

import gc
import json
import logging
import os
import shutil
import socket
import struct
from datetime import UTC, datetime
from http import HTTPStatus
from ipaddress import ip_address

import gunicorn.util
from gunicorn.glogging import Logger as GunicornLogger

from config import from_environment, share_metrics

share_metrics()

from app import logging_config
from app.database.base import db
from app.documents.rules.texts import load_languages
from app.errors import (
    ERROR_CODE_KEY,
    MALFORMED_REQUEST,
    REQUEST_ID_KEY,
    USER_ID_KEY,
    InternalError,
    ServiceUnavailable,
    ValidationFailed,
    error_body,
)
from app.http import draining, measurements
from app.http.middleware import default_headers, new_request_id, route_template
from app.http.openapi import VERSION
from app.http.worker import BufferingWorker
from app.integrations.pdf_text import load_characters
from app.messages import LOCALES, Fault
from app.system import startup

settings = from_environment()
log = logging.getLogger("gunicorn.error")

# A PaaS routes requests here, over IPv4 or IPv6.
public_host = "[::]" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104
host = public_host if settings.production else "127.0.0.1"
bind = f"{host}:{settings.port}"
workers = settings.web_concurrency
threads = settings.web_threads
worker_connections = 400  # each may have a socket and a file; many systems allow 1024 of both
preload_app = True
max_requests = 100_000  # bounds the growth of a memory leak
max_requests_jitter = 20_000
timeout = 30
# With the time to drain under the 30 s that a PaaS waits between SIGTERM and SIGKILL.
graceful_timeout = max(5, 25 - settings.drain_time)
limit_request_line = 8190  # as in common reverse proxies
keepalive = 120  # longer than the idle timeout of the router in front: Heroku's is 90 s
loglevel = settings.log_level
forwarder_headers = ""  # no proxy header may set SCRIPT_NAME or PATH_INFO
control_socket_disable = True  # unused on a PaaS
sendfile = False  # it would wait without a time limit for a client that does not read


accounts_checked = not settings.production


def on_starting(server):
    """Refuse to serve in production while the password of the sample data signs a user in."""
    global accounts_checked  # noqa: PLW0603 (the workers inherit it)
    if not accounts_checked:
        accounts_checked = startup.check_accounts(server.app.wsgi())


def post_worker_init(worker):
    """Make the check that the database did not answer at the start."""
    if not accounts_checked:
        startup.check_accounts_later(worker.app.wsgi())


def report_load(worker):
    """Set the gauges of what is in use; called twice a second in the event loop."""
    busy = min(worker.unanswered, threads)
    measurements.THREADS.labels("busy").set(busy)
    measurements.THREADS.labels("free").set(threads - busy)
    measurements.REQUESTS_WAITING.set(worker.unanswered - busy)
    measurements.CONNECTIONS.set(worker.nr_conns)
    with worker.app.wsgi().app_context():
        pools = [engine.pool for engine in db.engines.values()]
    measurements.DATABASE_CONNECTIONS.labels("used").set(sum(p.checkedout() for p in pools))
    measurements.DATABASE_CONNECTIONS.labels("idle").set(sum(p.checkedin() for p in pools))


def record_request(worker, req, environ, resp):
    """Count a request that a thread has handled."""
    if resp and hasattr(req, "started_at"):
        measurements.record_request(environ, route_template(environ), resp, req)


def child_exit(server, worker):
    """Keep what an ended worker has counted."""
    measurements.keep_values_of(worker.pid)


if settings.metrics_token:
    post_request = record_request
    BufferingWorker.report_load = staticmethod(report_load)


def on_exit(server):
    """Exit with status 1 if that check stopped the server: to a supervisor 0 is a success."""
    if measurements.DIRECTORY:
        shutil.rmtree(measurements.DIRECTORY, ignore_errors=True)
    if startup.has_failed():
        raise SystemExit(1)


def drain_first(server):
    """Let SIGTERM end readiness, and the service only after DRAIN_TIME."""
    stop = server.handle_term

    def handle_term():
        if not draining.begin(settings.drain_time):
            stop()

    server.handle_term = handle_term


def require_loopback(server):
    """Refuse to listen for other machines, as the defaults outside production are not safe there.

    The sockets have the effective address, also of ``-b``, GUNICORN_CMD_ARGS and inherited ones.
    """
    for listener in server.LISTENERS:
        if listener.sock.family == socket.AF_UNIX:
            continue
        host = listener.sock.getsockname()[0]
        if not ip_address(host.partition("%")[0]).is_loopback:
            raise SystemExit(
                f"{host} is open to other machines, but APP_ENV is {settings.app_env}:"
                " set APP_ENV=production, or bind to 127.0.0.1."
            )


def when_ready(server):
    """Set the timeouts of client sockets; warn if rate limits are not shared."""
    if not settings.production:
        require_loopback(server)
    drain_first(server)
    timeval = struct.pack("ll", server.cfg.timeout, 0)
    for listener in server.LISTENERS:  # accepted connections inherit these options
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
    if workers > 1 and not settings.redis_url:
        server.log.warning("Without REDIS_URL the %d workers do not share rate limits.", workers)
    if settings.production and not settings.s3_bucket:
        server.log.warning(
            "Without S3_BUCKET files are on the disk of this instance: others do not have them, and"
            " on a PaaS they do not survive a release."
        )
    if settings.production and settings.stripe_secret_key.startswith(("sk_test_", "rk_test_")):
        server.log.warning("STRIPE_SECRET_KEY is a test key: no payment moves money.")


def pre_fork(server, worker):
    """Exclude preloaded objects from garbage collection, so that workers share their memory.

    What documents need is loaded now, not by the first document of each worker.
    """
    load_languages()
    load_characters()
    gc.collect()
    gc.freeze()


class Logger(GunicornLogger):
    """gunicorn's log and the access log, as JSON on stdout."""

    access_log_enabled = settings.log_level in ("debug", "info")

    def setup(self, cfg):
        self.cfg = cfg
        logging_config.init_app(cfg.loglevel)
        self.error_log.handlers, self.error_log.propagate = [], True
        self.error_log.setLevel(logging.INFO)

    def access(self, resp, req, environ, request_time):
        """Write a line about a request, without its query string, which may contain secrets.

        It bypasses the logging module, which took a sixth of the time of a response.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {
            "time": now.replace("+00:00", "Z"),
            "level": "INFO",
            "logger": "gunicorn.access",
            "message": "request",
            "method": environ.get("REQUEST_METHOD"),
            "path": environ.get("PATH_INFO"),  # None if the request could not be parsed
            "route": route_template(environ),
            "status": int(resp.status[:3]),
            "bytes": resp.sent,
            "ms": round(request_time.total_seconds() * 1000, 1),
            "waitMs": round(getattr(req, "waited", 0) * 1000, 1),
            "address": environ.get("REMOTE_ADDR"),
            "requestId": environ.get(REQUEST_ID_KEY),
            "instance": settings.instance_name,
            "release": settings.release or VERSION,
        }
        if USER_ID_KEY in environ:
            line["userId"] = str(environ[USER_ID_KEY])
        if ERROR_CODE_KEY in environ:
            line["code"] = environ[ERROR_CODE_KEY]
        os.write(1, json.dumps(line).encode() + b"\n")

    def reopen_files(self):
        """Do nothing: the log goes to stdout."""


logger_class = Logger


BufferingWorker.request_timeout = settings.request_timeout
BufferingWorker.drain_time = settings.drain_time
worker_class = BufferingWorker


def send_error(connection, status_int, reason, mesg):
    """Send an error in the contract's form for a request that was not received or parsed.

    It is in English, because the headers of such a request have not been read. ``reason`` is a
    Fault of our worker, or gunicorn's own text.
    """
    errors = {500: InternalError(), 503: ServiceUnavailable()}
    fault = reason if isinstance(reason, Fault) else MALFORMED_REQUEST
    error = errors.get(status_int) or ValidationFailed.at([], fault)
    request_id = new_request_id()
    log.warning(
        "invalid HTTP request, answered with %d", error.status, extra={"requestId": request_id}
    )
    body = json.dumps(error_body(error, request_id, LOCALES[0]), separators=(",", ":")).encode()
    headers = [
        ("Connection", "close"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Content-Language", LOCALES[0]),
        ("X-Request-ID", request_id),
    ]
    headers += error.headers.items()
    headers += default_headers(headers, production=settings.production)
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    gunicorn.util.write_nonblock(connection, "\r\n".join([*lines, "\r\n"]).encode() + body)


gunicorn.util.write_error = send_error  # gunicorn's sends HTML, and no setting replaces it
