"""Payments, their refunds and disputes, the events that reported them, and Stripe's balance."""

from .exceptions import PaymentException
from .payments import Payment
from .payouts import BalanceTransaction, FetchPosition, Payout
from .reversals import Reversal
from .snapshots import PaymentSnapshot, RefundSnapshot
from .webhook_events import WebhookEvent

__all__ = [
    "BalanceTransaction",
    "FetchPosition",
    "Payment",
    "PaymentException",
    "PaymentSnapshot",
    "Payout",
    "RefundSnapshot",
    "Reversal",
    "WebhookEvent",
]
