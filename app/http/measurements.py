"""What the processes of an instance count for Prometheus.

Each process of gunicorn writes its values to files in ``DIRECTORY``, if there is a METRICS_TOKEN,
and a scrape adds them up. Elsewhere they stay in memory.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from config import metrics_directory

from ..errors import ApiError

disable_created_metrics()  # a second series for each counter
DIRECTORY = metrics_directory()
NO_ROUTE = "none"  # of a path that does not exist
OTHER_METHOD = "OTHER"
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds

REQUESTS = Counter(
    "ose_http_requests",
    "Responses, by method, route and status.",
    ["method", "route", "status"],
    registry=None,
)
WORK = Histogram(
    "ose_http_work_seconds",
    "Time for which a thread worked on a request, by route.",
    ["route"],
    buckets=BUCKETS,
    registry=None,
)
WAIT = Histogram(
    "ose_http_wait_seconds",
    "Time for which a request waited for a thread after it had arrived.",
    buckets=BUCKETS,
    registry=None,
)
THREADS = Gauge(
    "ose_threads",
    "Threads for requests, by state: busy, free.",
    ["state"],
    multiprocess_mode="livesum",
    registry=None,
)
REQUESTS_WAITING = Gauge(
    "ose_http_requests_waiting",
    "Requests that wait for a thread.",
    multiprocess_mode="livesum",
    registry=None,
)
CONNECTIONS = Gauge(
    "ose_http_connections",
    "Open connections of clients.",
    multiprocess_mode="livesum",
    registry=None,
)
DATABASE_CONNECTIONS = Gauge(
    "ose_database_connections",
    "Connections of the pools to PostgreSQL, by state: used, idle.",
    ["state"],
    multiprocess_mode="livesum",
    registry=None,
)
STREAMS = Gauge(
    "ose_streams", "Responses that are streamed now.", multiprocess_mode="livesum", registry=None
)
PDFS = Counter("ose_pdfs", "PDFs that were sent.", registry=None)
LIMITER_FALLBACKS = Counter(
    "ose_limiter_fallbacks",
    "Times that Redis failed, after which a process counts rate limits alone for 5 seconds.",
    registry=None,
)
WEBHOOKS = Counter(
    "ose_webhooks",
    "Events from Stripe, by type and outcome: applied, rejected, unavailable, failed, or the kind"
    " of the payment exception.",
    ["type", "outcome"],
    registry=None,
)
METRICS = (
    REQUESTS, WORK, WAIT, THREADS, REQUESTS_WAITING, CONNECTIONS, DATABASE_CONNECTIONS, STREAMS,
    PDFS, LIMITER_FALLBACKS, WEBHOOKS,
)  # fmt: skip


# Cached, because looking a child up by its labels costs more than adding to it.
count_of = cache(REQUESTS.labels)
work_of = cache(WORK.labels)


def record_request(environ: dict[str, Any], route: str | None, response: Any, request: Any) -> None:
    """Count a request of gunicorn, which has waited and been worked on."""
    ended = time.monotonic()
    route = route or NO_ROUTE
    method = environ["REQUEST_METHOD"]
    count_of(method if method in METHODS else OTHER_METHOD, route, response.status[:3]).inc()
    work_of(route).observe(ended - request.started_at)
    WAIT.observe(request.waited)
    if ("Content-Type", "application/pdf") in response.headers:
        PDFS.inc()


@contextmanager
def count_webhook() -> Iterator[dict[str, str]]:
    """Count an event; the caller sets its ``type``, and the ``outcome`` if that is not applied."""
    labels = {"type": "unknown", "outcome": "applied"}
    try:
        yield labels
    except ApiError as error:
        labels["outcome"] = "unavailable" if error.status >= 500 else "rejected"
        raise
    except Exception:
        labels["outcome"] = "failed"
        raise
    finally:
        WEBHOOKS.labels(**labels).inc()


# Over processes


def register(registry: CollectorRegistry) -> None:
    """Add the metrics to ``registry``, of all processes of the instance."""
    if DIRECTORY:
        registry.register(_LockedCollector(None, DIRECTORY))
    else:
        for metric in METRICS:
            registry.register(metric)


class _LockedCollector(MultiProcessCollector):
    """A collector that does not read while the values of an ended process are moved."""

    def collect(self) -> Any:
        with _lock(fcntl.LOCK_SH):
            return super().collect()


def keep_values_of(pid: int) -> None:
    """Add the values of an ended process to those of all ended ones, and remove its files.

    Counters would otherwise fall when a worker is replaced, or its files stay for ever.
    """
    if not DIRECTORY:
        return
    with _lock(fcntl.LOCK_EX):
        mark_process_dead(pid, DIRECTORY)
        for kind in ("counter", "histogram"):
            source = Path(DIRECTORY, f"{kind}_{pid}.db")
            if source.exists():
                _add_values(source, source.with_name(f"{kind}_ended.db"))
                source.unlink()


def _add_values(source: Path, target: Path) -> None:
    total = MmapedDict(str(target))
    for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(source)):
        before, _ = total.read_value(key)
        total.write_value(key, before + value, timestamp)
    total.close()


@contextmanager
def _lock(operation: int) -> Iterator[IO[bytes]]:
    with Path(DIRECTORY, "lock").open("wb") as file:
        fcntl.flock(file, operation)
        yield file
