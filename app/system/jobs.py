"""The scheduled jobs that span domains, each also a command: reconcile, prune, check the ledger."""

import hashlib
import logging
from collections.abc import Callable
from typing import Any

from flask import current_app

from .. import clock
from ..auth.models import AccountToken, KnownDevice
from ..database.base import db
from ..http.idempotency_keys import GuestIdempotencyKey, IdempotencyKey
from ..integrations import storage
from ..jobs import actions as queue_actions
from ..jobs.queue import JobFailed, scheduled, stop_if_requested
from ..ledger import actions as ledger
from ..ledger import digests
from ..ledger.models import Discrepancy
from ..murabaha.actions import transitions as murabaha
from ..payments.actions.exceptions import record_exception
from ..payments.jobs import ReconcileRun
from ..payments.models import WebhookEvent
from ..reports import export
from ..uploads import actions as uploads
from ..users.models import UserSession

log = logging.getLogger(__name__)

EXPIRING_MODELS = (
    IdempotencyKey,
    UserSession,
    WebhookEvent,
    GuestIdempotencyKey,
    AccountToken,
    KnownDevice,
)
BATCH_SIZE = 1000  # rows
MANY_ORPHANS = 100  # files
MAX_NAMED_DISCREPANCIES = 5


@scheduled("reconcile_payments", cron="7 * * * *")
def reconcile_payments() -> None:
    """Reconcile with Stripe; nothing without a key. Raises JobFailed and StripeKeyInvalid."""
    if not current_app.config["STRIPE_SECRET_KEY"]:
        return
    run = reconcile(log.warning)
    if run.failed:
        raise JobFailed(str(run))


def reconcile(report: Callable[[str], None]) -> ReconcileRun:
    """Fetch open payments, refunds, disputes and the balance from Stripe; end expired offers.

    Failures are counted and reported. Raises StripeKeyInvalid.
    """
    run = ReconcileRun(report)
    run.payments()
    run.each("applications", murabaha.lapsed_offers, murabaha.expire)
    run.reversals()
    run.balance()
    return run


@scheduled("expire_offers", cron="*/15 * * * *")
def expire_offers() -> None:
    """Give back the down payments of offers that have expired.

    All else about an expired offer or an overdue instalment is worked out when it is read.
    """
    for id in murabaha.lapsed_offers():
        stop_if_requested()
        murabaha.expire(id)
        db.session.commit()


@scheduled("prune", cron="23 3 * * *")
def prune_daily() -> None:
    """Prune, and log what the command prints."""
    prune(log.info)


def prune(report: Callable[[str], None]) -> None:
    """Delete expired rows and files without a row; seal the ledger's days. Raises JobFailed."""
    for model in EXPIRING_MODELS:
        report(f"{_delete_expired(model)} {model.__tablename__}")
    report(f"{queue_actions.delete_old_runs()} job_runs")
    db.session.commit()
    report(seal_ledger())
    report(f"{export.delete_old_archives()} archives")
    db.session.commit()
    prune_files(report)


def seal_ledger() -> str:
    """Store the digest of each finished day; return a sentence with the last one."""
    last = digests.seal()
    db.session.commit()
    return f"sealed until {last.day}: {last.chain_hash}" if last else "nothing to seal"


def prune_files(report: Callable[[str], None]) -> None:
    """Remove stored files without a row. Raises JobFailed for rows without a file."""
    orphans, missing, rows = uploads.compare_storage()
    for filename in missing:
        report(f"missing file: {filename}")
    if len(orphans) > max(MANY_ORPHANS, rows):
        raise JobFailed(
            f"{len(orphans)} stored files have no row, and only {rows} have one. None was removed:"
            " check that DATABASE_URL is the database of these files."
        )
    for filename in orphans:
        storage.delete(filename)
    db.session.commit()
    report(f"{len(orphans)} files without a row, {len(missing)} rows without a file")
    if missing:
        raise JobFailed(f"{len(missing)} files are missing.")


@scheduled("check_ledger", cron="43 2 * * *")
def check_ledger() -> None:
    """Compare totals, digests and triggers with the ledger; a difference is an exception."""
    discrepancies = list(ledger.check())
    if discrepancies:
        report_discrepancies(discrepancies)


def report_discrepancies(found: list[Discrepancy]) -> bool:
    """Record a payment exception for staff, once for the same set; return whether it is new."""
    lines = [f"{subject}: stored {stored}, posted {posted}" for subject, stored, posted in found]
    key = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    named = "; ".join(lines[:MAX_NAMED_DISCREPANCIES])
    return record_exception(
        "ledger_difference",
        key,
        f"{len(lines)} totals, days or triggers differ from the ledger ({named})."
        ' List them with "flask ledger check"; nothing was changed.',
        occurred_at=clock.now(),
        facts={"count": len(lines)},
    )


def _delete_expired(model: Any) -> int:
    """Delete the expired rows of ``model`` in batches; return their number."""
    total, deleted = 0, BATCH_SIZE
    while deleted == BATCH_SIZE:
        stop_if_requested()
        deleted = _delete_batch(model, model.is_expired())
        total += deleted
    return total


def _delete_batch(model: Any, condition: Any) -> int:
    """Delete up to BATCH_SIZE rows that no transaction has locked; return their number."""
    key = tuple(model.__table__.primary_key)
    batch = db.select(*key).where(condition).limit(BATCH_SIZE).with_for_update(skip_locked=True)
    result = db.session.execute(db.delete(model).where(db.tuple_(*key).in_(batch)))
    db.session.commit()
    return int(result.rowcount)  # type: ignore[attr-defined]
