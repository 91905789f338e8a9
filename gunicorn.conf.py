"""gunicorn as the service runs under it. Every number is a setting of config.py."""

import gc
import logging

from gunicorn.glogging import Logger as GunicornLogger

from app import logs
from config import from_environment

settings = from_environment()

host = "0.0.0.0" if settings.production else "127.0.0.1"  # noqa: S104 (a PaaS routes to it)
bind = f"{host}:{settings.port}"
worker_class = "gthread"
workers = settings.web_concurrency
threads = settings.web_threads
preload_app = True
max_requests = 100_000  # a leak, if there is one, does not grow without end
max_requests_jitter = 20_000
timeout = 30
graceful_timeout = 25  # under the 30 s that a PaaS waits between SIGTERM and SIGKILL
keepalive = 75  # longer than the router in front keeps its side open
loglevel = settings.log_level
forwarder_headers = ""  # nobody in front says which path was meant
control_socket_disable = True  # nobody steers a server on a PaaS from inside


def when_ready(server):
    """Say once what an operator would otherwise find out late."""
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

    access_log_enabled = True

    def setup(self, cfg):
        self.cfg = cfg
        logs.init_app(cfg.loglevel)
        for log in (self.error_log, self.access_log):
            log.handlers, log.propagate = [], True
            log.setLevel(logging.INFO)

    def access(self, resp, req, environ, request_time):
        """Who asked for what, how it ended, how long it took. The query may hold secrets."""
        self.access_log.info(
            "request",
            extra={
                "method": environ["REQUEST_METHOD"],
                "path": environ["PATH_INFO"],
                "status": int(resp.status.split(None, 1)[0]),
                "bytes": resp.sent,
                "ms": round(request_time.total_seconds() * 1000, 1),
                "address": environ.get("REMOTE_ADDR"),
                "requestId": environ.get("ose.request_id"),
            },
        )

    def reopen_files(self):
        """There are none: a PaaS collects stdout."""


logger_class = Logger
