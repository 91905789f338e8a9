"""What is done at Stripe without a request: reconciliation, step by step, and refunds."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

from ..database.base import db
from ..integrations.stripe_client import (
    PaymentUnavailable,
    StripeKeyInvalid,
    StripePermissionDenied,
    StripeRejected,
)
from ..jobs.queue import JobFailed, job, stop_if_requested
from .actions import balance_fetch, reconciliation

log = logging.getLogger(__name__)

# What reading Stripe's objects needs, by their name in messages.
READ_PERMISSIONS = {
    "PaymentIntents": "rak_payment_intent_read",
    "refunds": "rak_refund_read",
    "disputes": "rak_dispute_read",
    "payouts": "rak_payout_read",
    "balance transactions": "rak_balance_transaction_source_read",
}
NOT_READ = {  # the consequence of a missing permission, if it is not that of the others
    "payouts": "they are not in the ledger",
    "balance transactions": "fees and the lines of payouts are not in the ledger",
}


class ReconcileRun:
    """A run of reconciliation: how much was checked, and what failed, which ``report`` is given.

    Its methods commit each item. They raise StripeKeyInvalid, with which nothing can be fetched.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self.report = report
        self.checked = self.failed = 0
        self._reported: set[str] = set()

    def __str__(self) -> str:
        return f"{self.checked} checked, {self.failed} failed"

    def payments(self) -> None:
        """Reconcile the open payments."""
        self.each(
            "PaymentIntents", reconciliation.payable_payments, reconciliation.reconcile_payment
        )

    def reversals(self) -> None:
        """Reconcile refunds and disputes."""
        self.each("refunds", reconciliation.unconfirmed_refunds, reconciliation.retry_refund)
        for kind in ("refund", "dispute"):
            self.each(
                f"{kind}s",
                partial(reconciliation.open_reversals, kind),
                partial(reconciliation.refresh_reversal, kind),
            )
            self.each(
                f"{kind}s",
                partial(reconciliation.recent_reversals, kind),
                reconciliation.apply_recent_reversal,
            )

    def balance(self) -> None:
        """Fetch payouts, their lines, and the movements of the balance."""
        self.steps("payouts", balance_fetch.iter_payouts())
        self.steps("balance transactions", balance_fetch.iter_transactions())
        self.steps("balance transactions", balance_fetch.iter_lines())
        self.steps("balance transactions", balance_fetch.iter_corrections())

    def each(
        self, name: str, list_items: Callable[[], Iterable[Any]], reconcile: Callable[[Any], Any]
    ) -> None:
        """List the items called ``name``; reconcile and commit each, even if others fail."""
        for item in self.attempt(name, name, list_items) or ():
            stop_if_requested()
            self.checked += 1
            self.attempt(name, item, partial(reconcile, item))

    def steps(self, name: str, steps: Iterator[Callable[[], None]]) -> None:
        """Take and commit each of ``steps``, which are fetched one by one; stop if one fails."""
        failed = self.failed
        while self.failed == failed and (
            step := self.attempt(name, name, partial(next, steps, None))
        ):
            stop_if_requested()
            self.checked += 1
            self.attempt(name, name, step)

    def attempt(self, name: str, label: Any, action: Callable[[], Any]) -> Any:
        """Return the result of ``action``, committed; report a failure and return None."""
        try:
            result = action()
            db.session.commit()
        except StripeKeyInvalid:
            raise
        except StripePermissionDenied as error:
            db.session.rollback()
            return self._report_permission(name, error.permission)
        except Exception as error:
            db.session.rollback()
            if not isinstance(error, PaymentUnavailable | StripeRejected):
                log.exception("could not reconcile %s", label)
            result = error
        if not isinstance(result, Exception):
            return result
        self.failed += 1
        self.report(f"{label}: {result}")
        return None

    def _report_permission(self, name: str, permission: str) -> None:
        """Report once what a restricted key may not do; only what it may not change fails."""
        permission = permission or READ_PERMISSIONS[name]  # Stripe does not always name it
        consequence = NOT_READ.get(name, "they are known from webhooks only")
        message = f"This key may not read {name} ({permission}): {consequence}."
        if permission.endswith("_write"):
            self.failed += 1
            message = f"This key may not create or change {name} ({permission})."
        if message not in self._reported:
            self._reported.add(message)
            self.report(message)


@job("send_refund")
def send_refund(refund_id: str) -> None:
    """Send a refund that follows from a payment, such as of money beyond a contract, to Stripe.

    Raises PaymentUnavailable and StripeRejected, and is repeated later.
    """
    reconciliation.retry_refund(UUID(refund_id))


@job("fetch_balance")
def fetch_balance() -> None:
    """Fetch payouts, their lines and the movements of the balance. Raises JobFailed."""
    run = ReconcileRun(log.warning)
    run.balance()
    if run.failed:
        raise JobFailed(str(run))
