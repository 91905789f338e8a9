"""Refund payments through Stripe."""

from decimal import Decimal
from functools import partial
from typing import NamedTuple
from uuid import UUID

from ... import clock
from ...database.base import db
from ...errors import ValidationFailed
from ...integrations import stripe_amounts, stripe_client
from ...integrations.stripe_client import StripeRejected
from ...messages import Message
from ..models import Payment, RefundSnapshot, Reversal
from ..rules import InvalidTransition
from .intents import STRIPE_KEY_TTL, PaymentOutcome, retry_idempotently
from .mismatches import report_rejected_refund
from .updates import apply_update, lock_payment, must_exist, update_dependents


def request_refund(payment: Payment, amount: Decimal | None) -> Reversal:
    """Insert a refund of ``amount``, or of all that is refundable, of a locked payment.

    A RefundOperation sends it to Stripe after the commit. Raises what ``checked_refund_amount``
    raises.
    """
    amount = checked_refund_amount(payment, amount)
    refund = Reversal(payment_id=payment.id, kind="refund", amount=amount, status="requested")
    db.session.add(refund)
    db.session.flush()
    return refund


def checked_refund_amount(payment: Payment, amount: Decimal | None) -> Decimal:
    """Return ``amount``, or all that is refundable, if it can be refunded.

    Raises InvalidTransition, and ValidationFailed if Stripe does not take the amount.
    """
    refundable = payment.refundable_amount
    if refundable <= 0:
        has_succeeded = payment.status == "succeeded"
        message = (
            Message("Nothing of the payment is left to refund.")
            if has_succeeded
            else Message(
                "The payment is {status}: only a succeeded payment can be refunded.",
                status=payment.status,
            )
        )
        raise InvalidTransition(message)
    amount = refundable if amount is None else amount
    if amount > refundable:
        raise InvalidTransition(
            Message("At most {max} of the payment can be refunded.", max=refundable)
        )
    stripe_amounts.to_stripe_amount(amount, payment.currency)
    return amount


class InsufficientRefundableBalance(StripeRejected):
    """The amount of a requested refund was refunded or disputed at Stripe meanwhile.

    Raised by us, not by Stripe; it takes the path of a rejection by Stripe, because the refund ends
    the same way.
    """

    def __init__(self) -> None:
        super().__init__(
            InvalidTransition(Message("The amount has already been refunded or disputed."))
        )


class RefundOperation(NamedTuple):
    """The sending of a requested refund to Stripe."""

    id: UUID

    def execute(self) -> PaymentOutcome:
        """Make the refund. Raises PaymentUnavailable, and then nothing has been recorded."""
        try:
            self.submit()
        except StripeRejected as rejected:
            self.record_rejection(rejected)
            if isinstance(rejected.error, ValidationFailed):  # the client's request was valid
                message = Message(
                    "Stripe rejected the refund. The payment may have been refunded at Stripe."
                )
                return PaymentOutcome(InvalidTransition(message))
            return PaymentOutcome(rejected.error)
        return PaymentOutcome()

    def submit(self) -> None:
        """Send the refund to Stripe and apply the update.

        Raises PaymentUnavailable and StripeRejected.
        """
        snapshot = RefundSnapshot(*must_exist(Payment.select_refund_snapshot(self.id).row()))
        if snapshot.provider_id:
            return  # a webhook has reported it meanwhile
        if snapshot.status != "requested":
            raise StripeRejected(
                InvalidTransition(
                    Message("The refund has failed: nothing was returned to the payer.")
                )
            )
        create = partial(
            stripe_client.create_refund,
            self.id,
            snapshot.intent_id,
            snapshot.amount,
            snapshot.currency,
        )
        find = partial(stripe_client.find_refund, self.id, snapshot.intent_id)
        has_balance = self._has_balance(snapshot.payment_id)
        update = None
        if not has_balance or clock.now() - snapshot.created_at > STRIPE_KEY_TTL:
            update = find()
        if not update and not has_balance:
            raise InsufficientRefundableBalance
        update = update or retry_idempotently(create, find, snapshot.created_at)
        apply_update(update, payment_id=snapshot.payment_id)

    def _has_balance(self, payment_id: UUID) -> bool:
        """Read whether the payment still covers its requested refunds."""
        payment = must_exist(db.session.get(Payment, payment_id, populate_existing=True))
        has_balance = payment.refundable_amount >= 0
        db.session.rollback()  # Stripe is never called inside a transaction
        return bool(has_balance)

    def record_rejection(self, rejected: StripeRejected) -> None:
        """Record that the refund will not be made, unless a webhook has reported it."""
        refund = must_exist(db.session.get(Reversal, self.id))
        payment = must_exist(lock_payment(Payment.id == refund.payment_id))
        db.session.refresh(refund)
        if refund.provider_id is None:
            already_refunded = isinstance(rejected, InsufficientRefundableBalance)
            refund.apply_status("canceled" if already_refunded else "failed")
            report_rejected_refund(payment, refund)
            update_dependents(payment, clock.now())
