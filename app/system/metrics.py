"""Metrics for Prometheus: those that are read from the database, and those of the processes."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..database.base import db
from ..http import measurements
from ..jobs import actions as jobs
from ..jobs.models import JobRun
from ..jobs.queue import SCHEDULES, queue
from ..notifications.models import count_unsent
from ..payments.models import Payment, PaymentException
from ..payments.rules import EXCEPTION_KINDS


class DatabaseCollector(Collector):
    """The state of the queue, the scheduled jobs, the mails and the payment exceptions.

    Every instance of the service reports the same values: aggregate them with ``max``.
    """

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the metrics, in the transaction of the session."""
        yield from _queue_metrics()
        yield from _run_metrics()
        yield from _mail_metrics()
        yield GaugeMetricFamily(
            "ose_payments_open",
            "Payments whose outcome Stripe has not reported yet.",
            value=_count_open_payments(),
        )
        yield _gauge(
            "ose_payment_exceptions_open",
            "Payment exceptions that staff have not resolved, by kind.",
            "kind",
            {**dict.fromkeys(EXCEPTION_KINDS, 0), **PaymentException.count_open()},
        )


def make_registry() -> CollectorRegistry:
    """Return a registry with all collectors, for one scrape."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    measurements.register(registry)
    return registry


def render_metrics() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return generate_latest(make_registry())


def _count_open_payments() -> int:
    is_open = Payment.status.in_(("pending", "processing", "failed"))  # as in ix_payments_open
    return db.session.scalar(db.select(db.func.count(Payment.id)).where(is_open)) or 0


def _queue_metrics() -> Iterator[GaugeMetricFamily]:
    yield _gauge(
        "ose_jobs_waiting",
        "Jobs that wait in a queue, also those that are not due yet.",
        "queue",
        jobs.count_waiting_jobs(),
    )
    yield GaugeMetricFamily(
        "ose_jobs_oldest_due_seconds",
        "Seconds for which the first waiting job has been due; 0 without one.",
        value=jobs.read_state().longest_wait,
    )
    counts = {name: len(ids) for name, ids in jobs.failed_jobs().items()}
    names = dict.fromkeys((name for name in queue.tasks if "." not in name), 0)
    yield _gauge("ose_jobs_failed", "Jobs that failed for good.", "job", {**names, **counts})


def _run_metrics() -> Iterator[GaugeMetricFamily]:
    """Read the runs of the scheduled jobs; a job that has never run has no samples."""
    last = {name: run for name, run in JobRun.last_by_name().items() if name in SCHEDULES}
    successes = JobRun.last_by_name("succeeded")
    yield _gauge(
        "ose_job_last_success_timestamp_seconds",
        "When the last run that succeeded has ended.",
        "job",
        {name: successes[name].ended_at.timestamp() for name in last if name in successes},
    )
    yield _gauge(
        "ose_job_last_duration_seconds",
        "Duration of the last run.",
        "job",
        {name: float(run.duration) for name, run in last.items()},
    )
    yield _gauge(
        "ose_job_last_succeeded",
        "1 if the last run succeeded, 0 if it failed.",
        "job",
        {name: int(run.outcome == "succeeded") for name, run in last.items()},
    )


def _mail_metrics() -> Iterator[GaugeMetricFamily]:
    counts = count_unsent()
    yield GaugeMetricFamily(
        "ose_mails_waiting", "Mails that wait to be sent.", value=counts.pop("waiting", 0)
    )
    yield _gauge(
        "ose_mails_given_up",
        "Mails that are not sent any more, by reason; failed: 30 attempts.",
        "reason",
        {"failed": 0, "refused": 0, **counts},
    )


def _gauge(
    name: str, description: str, label: str, samples: dict[str, float] | dict[str, int]
) -> GaugeMetricFamily:
    """Return a metric with a sample for each value of its ``label``."""
    gauge = GaugeMetricFamily(name, description, labels=[label])
    for value, sample in sorted(samples.items()):
        gauge.add_metric([value], sample)
    return gauge
