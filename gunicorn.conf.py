"""gunicorn as the service runs under it. Every number is a setting of config.py."""

import gc
import json
import logging
import os
import select
import socket
import struct
from datetime import UTC, datetime
from http import HTTPStatus

import gunicorn.util
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.workers.gthread import ThreadWorker

from app import logging_config
from app.errors import REQUEST_ID_KEY, InternalError, ValidationFailed, error_body
from app.http.middleware import default_headers, new_request_id
from config import from_environment

settings = from_environment()
log = logging.getLogger("gunicorn.error")

host = "0.0.0.0" if settings.production else "127.0.0.1"  # noqa: S104 (a PaaS routes to it)
bind = f"{host}:{settings.port}"
workers = settings.web_concurrency
threads = settings.web_threads
preload_app = True
max_requests = 100_000  # a leak, if there is one, does not grow without end
max_requests_jitter = 20_000
timeout = 30
graceful_timeout = 25  # under the 30 s that a PaaS waits between SIGTERM and SIGKILL
limit_request_line = 8190  # as long as routers let through
keepalive = 75  # longer than the router in front keeps its side open
loglevel = settings.log_level
forwarder_headers = ""  # nobody in front says which path was meant
control_socket_disable = True  # nobody steers a server on a PaaS from inside


def when_ready(server):
    """Bound how long a client may say or take nothing; say what an operator would learn late."""
    patience = struct.pack("ll", server.cfg.timeout, 0)
    for listener in server.LISTENERS:  # what it accepts inherits these
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
    if workers > 1 and not settings.redis_url:
        server.log.warning(
            "Without REDIS_URL each of %d workers counts limits for itself.", workers
        )


def pre_fork(server, worker):
    """What was loaded before the fork is never garbage: workers share it and do not search it."""
    gc.collect()
    gc.freeze()


class Logger(GunicornLogger):
    """gunicorn's own lines, and one for each answer, in the JSON log."""

    access_log_enabled = settings.log_level in ("debug", "info")

    def setup(self, cfg):
        self.cfg = cfg
        logging_config.init_app(cfg.loglevel)
        self.error_log.handlers, self.error_log.propagate = [], True
        self.error_log.setLevel(logging.INFO)

    def access(self, resp, req, environ, request_time):
        """Who asked for what, how it ended, how long it took. The query may hold secrets.

        One write of one line, past the logging module: that alone cost a sixth of an answer.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {
            "time": now.replace("+00:00", "Z"),
            "level": "INFO",
            "logger": "gunicorn.access",
            "message": "request",
            "method": environ.get("REQUEST_METHOD"),
            "path": environ.get("PATH_INFO"),  # of what is no request there is none
            "status": int(resp.status[:3]),
            "bytes": resp.sent,
            "ms": round(request_time.total_seconds() * 1000, 1),
            "address": environ.get("REMOTE_ADDR"),
            "requestId": environ.get(REQUEST_ID_KEY),
        }
        os.write(1, json.dumps(line).encode() + b"\n")

    def reopen_files(self):
        """There are none: a PaaS collects stdout."""


logger_class = Logger


class Worker(ThreadWorker):
    """gunicorn's own; told to stop, it closes its door instead of standing in it.

    Whoever is in the queue by then is answered. Whoever comes later is refused at once, and can ask
    another server; with the door left open they would wait for the last answer, and be reset.
    """

    def set_accept_enabled(self, enabled):
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                while select.select([listener], [], [], 0)[0]:
                    self.accept(listener)
                listener.close()


worker_class = Worker


def refuse(connection, status, reason, _):
    """Answer what is no HTTP, and so never gets to the app, in the shape of every refusal."""
    error = InternalError() if status == 500 else ValidationFailed.at([], reason)
    request_id = new_request_id()
    log.warning("no request was understood: %d", error.status, extra={"requestId": request_id})
    body = json.dumps(error_body(error, request_id)).encode()
    headers = [
        ("Connection", "close"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-Request-ID", request_id),
    ]
    headers += default_headers(headers, production=settings.production)
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    gunicorn.util.write_nonblock(connection, "\r\n".join([*lines, "\r\n"]).encode() + body)


gunicorn.util.write_error = refuse  # gunicorn's own is a page, and has no setting
