"""Create, look up and cancel the PaymentIntent of a payment.

A card is charged only inside the client's own request. Everything later (reconciliation,
cancelling) may create an intent, but never charges.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, TypeVar
from uuid import UUID

from ... import clock
from ...database.base import db
from ...database.prepared import PreparedQuery
from ...errors import ApiError
from ...integrations import stripe_client
from ...integrations.stripe_client import (
    IdempotencyMismatch,
    PaymentUnavailable,
    ReplayedServerError,
    StripeObjectNotFound,
    StripeRejected,
)
from ...integrations.stripe_updates import StripeUpdate
from ...messages import Message
from ..models import Payment, PaymentSnapshot
from ..rules import BEGUN, PAYMENT_TTL, InvalidTransition
from .exceptions import record_exception
from .updates import apply_update, lock_payment, lock_payment_intents, must_exist, update_dependents

STRIPE_KEY_TTL = timedelta(hours=23)  # Stripe forgets idempotency keys after a day
LIST_CONSISTENCY_DELAY = timedelta(minutes=1)  # until Stripe's lists contain a new object
CLOCK_DIFFERENCE = timedelta(minutes=5)  # between Stripe's clock and ours, at most
MAX_ATTEMPTS = 5
SUPERSEDED = Message(
    "This payment is no longer valid. It was cancelled or replaced; start a new one."
)

T = TypeVar("T")


class StripeResult(NamedTuple):
    """The result of a request to Stripe about a payment."""

    update: StripeUpdate | None = None
    client_secret: str | None = None  # which the payer needs to pay
    error: ApiError | None = None  # for the client
    cannot_be_paid: bool = False  # there is no payable intent, and none will be created
    is_missing: bool = False  # Stripe does not know the intent that the payment has

    @property
    def is_cancelled(self) -> bool:
        """Whether the payment can no longer receive money."""
        return self.cannot_be_paid or (self.update is not None and self.update.status == "canceled")


class PaymentOutcome(NamedTuple):
    """The result of an operation at Stripe, for ``http.idempotency`` to render.

    ``change`` is an UPDATE still to be run, in the same statement as the response's SELECT; if it
    changes no row, ``fallback()`` gives the outcome instead.
    """

    error: ApiError | None = None
    change: PreparedQuery | None = None
    fallback: Callable[[], "PaymentOutcome"] | None = None


def retry_idempotently(
    send: Callable[[int], T], find: Callable[[], T | None], since: datetime
) -> T:
    """Call ``send`` with the number of the attempt, and return its result.

    Under one idempotency key Stripe replays a server error for a day and rejects other parameters.
    Then the object is looked up with ``find``, and created under another key only if it does not
    exist. Raises PaymentUnavailable.
    """
    for attempt in range(MAX_ATTEMPTS):
        try:
            return send(attempt)
        except (IdempotencyMismatch, ReplayedServerError):
            existing = find()
            if existing:
                return existing
            if clock.now() - since < LIST_CONSISTENCY_DELAY:
                break
    raise PaymentUnavailable


class PaymentOperation(PaymentSnapshot):
    """The collection of one payment through Stripe."""

    __slots__ = ()

    @classmethod
    def load(cls, payment_id: UUID) -> "PaymentOperation":
        return cls(*must_exist(Payment.select_snapshot(payment_id).row()))

    def execute(self) -> PaymentOutcome:
        """Collect the payment; executed again it completes what was started.

        Cancels the payments that this one supersedes first. Raises PaymentUnavailable, and then
        nothing has been recorded.
        """
        cancellations = [(payment, payment.cancel()) for payment in self._superseded_payments()]
        are_cancelled = all(cancellation.is_cancelled for _, cancellation in cancellations)
        if are_cancelled and not self._is_superseded():
            result = self.submit()
        else:
            result = self.cancel()
            if result.is_cancelled:
                result = result._replace(error=InvalidTransition(SUPERSEDED))
        if cancellations:
            updates = [cancellation.update for _, cancellation in cancellations]
            lock_payment_intents(result.update, *updates)
        for payment, cancellation in cancellations:
            payment.record_result(cancellation)
        update = result.update
        if update and result.client_secret and update.status == "requires_payment_method":
            # The intent is new and unpaid: no donation, total or ledger entry changes with it.
            attach = Payment.attach_intent(self.id, update.payment_intent_id, result.client_secret)
            fallback = partial(self._record_and_report, result)
            return PaymentOutcome(change=attach, fallback=fallback)
        return self._record_and_report(result)

    def _record_and_report(self, result: StripeResult) -> PaymentOutcome:
        """Record ``result``, and return its error or that the payment is no longer valid."""
        self.record_result(result)
        current = PaymentOperation.load(self.id)
        replaced = current.status == "pending" and current.superseded
        if current.status == "cancelled" or replaced:
            return PaymentOutcome(result.error or InvalidTransition(SUPERSEDED))
        return PaymentOutcome(result.error)

    def submit(self) -> StripeResult:
        """Create the payment's intent if it has none, charging the card if there is one.

        A known intent is left alone. Raises PaymentUnavailable.
        """
        if self.status == "cancelled":
            error = InvalidTransition(Message("The payment is cancelled. Start a new one."))
            return StripeResult(error=error)
        result = StripeResult() if self.intent_id else self._ensure_intent(charge=True)
        status = result.update.status if result.update else self.status
        if self.payment_method_id and status == "failed" and not result.error:
            return result._replace(error=stripe_client.PaymentDeclined())
        return result

    def fetch_or_create_intent(self) -> StripeResult:
        """Fetch the payment's intent, or create one without charging a card.

        A request still running can then no longer charge the card, because the key is used. Raises
        PaymentUnavailable and StripeObjectNotFound.
        """
        if self.intent_id is None:
            return self._ensure_intent(charge=False)
        return StripeResult(stripe_client.retrieve_payment_intent(self.intent_id))

    def give_up(self) -> StripeResult:
        """Cancel the payment like ``cancel``, unless its payer has begun to pay.

        The payer may have paid a voucher or sent a transfer already: Stripe ends such a payment.
        """
        return self.cancel(leave_begun=True)

    def cancel(self, *, leave_begun: bool = False) -> StripeResult:
        """Cancel the payment at Stripe unless it is processing, succeeded or cancelled.

        Creates a missing intent first, so that a request still running cannot create one that stays
        payable. Raises PaymentUnavailable.
        """
        if self.status == "cancelled":
            return StripeResult(cannot_be_paid=True)
        try:
            result = self.fetch_or_create_intent()
            update = result.update
            is_open = update is not None and update.status.startswith(("requires_", "failed"))
            if update and is_open and not (leave_begun and update.status in BEGUN):
                result = StripeResult(self._cancel_intent(update.payment_intent_id))
        except StripeObjectNotFound:
            return StripeResult(cannot_be_paid=True, is_missing=True)
        return result

    def _cancel_intent(self, intent_id: str) -> StripeUpdate:
        try:
            return stripe_client.cancel_payment_intent(intent_id)
        except StripeRejected:  # it has succeeded or was cancelled meanwhile
            return stripe_client.retrieve_payment_intent(intent_id)

    def record_result(self, result: StripeResult) -> None:
        """Apply ``result`` to the payment and everything derived from it."""
        if result.update:
            apply_update(result.update, result.client_secret, sent=self)
        elif result.cannot_be_paid:
            payment = must_exist(lock_payment(Payment.id == self.id))
            if payment.intent_id == self.intent_id:  # else a webhook has attached an intent
                if result.is_missing:
                    self._report_missing_intent()
                payment.apply_status("canceled")
                update_dependents(payment, clock.now())

    @property
    def _can_be_superseded(self) -> bool:
        """Whether another payment for the same purpose can replace it: a donation has one."""
        return bool(self.installment_id or self.application_id)

    def _report_missing_intent(self) -> None:
        record_exception(
            "other",
            f"{self.intent_id} of payment {self.id}",
            f"Stripe has no PaymentIntent {self.intent_id}: the key belongs to another account or"
            " mode, or a backup was restored. The payment is cancelled here. If it was paid at"
            " Stripe, refund it there.",
            payment_id=self.id,
            provider_reference=self.intent_id,
            amount=self.amount,
            currency=self.currency,
        )

    def _is_superseded(self) -> bool:
        """Read whether the payment must not be paid any more.

        The prepared query opens no transaction, inside of which Stripe must not be called.
        """
        if not self._can_be_superseded:
            return False
        return PaymentOperation.load(self.id).superseded

    def _superseded_payments(self) -> list["PaymentOperation"]:
        """Return the payments that this one replaces and that are still payable."""
        if not self._can_be_superseded:
            return []
        rows = Payment.superseded_by(self)
        db.session.rollback()  # Stripe is never called inside a transaction
        return [PaymentOperation(*row) for row in rows]

    def _ensure_intent(self, *, charge: bool) -> StripeResult:
        """Find or create the payment's intent, charging its card only if ``charge``."""
        key_expired = clock.now() - self.created_at > STRIPE_KEY_TTL
        create = partial(self._create_intent, charge)
        try:
            intent = (
                self._find_intent()
                if key_expired
                else retry_idempotently(create, self._find_intent, self.created_at)
            )
        except StripeRejected as rejected:
            # Rejected without a card; an earlier request with the card may still have created an
            # intent, so look.
            may_exist = not charge and self.payment_method_id and not rejected.update
            intent = self._find_intent() if may_exist else None
            if intent is None:
                return StripeResult(
                    rejected.update, error=rejected.error, cannot_be_paid=rejected.update is None
                )
        if intent is None:
            message = Message(
                "The payment is cancelled because it was not paid in time. Start a new one."
            )
            return StripeResult(cannot_be_paid=True, error=InvalidTransition(message))
        return StripeResult(*intent)

    def _create_intent(self, charge: bool, attempt: int) -> tuple[StripeUpdate, str | None]:
        create = partial(
            stripe_client.create_payment_intent,
            self.id,
            self.amount,
            self.currency,
            self.payment_method_id,
            attempt,
            details=self.details,
        )
        if charge and self.payment_method_id:
            with suppress(IdempotencyMismatch):  # fetch_or_create_intent() has used the key
                return create()
        return create(charge=False)

    def _find_intent(self) -> tuple[StripeUpdate, str | None] | None:
        since, until = self.created_at - CLOCK_DIFFERENCE, self.created_at + PAYMENT_TTL
        return stripe_client.find_payment_intent(self.id, since, until)
