"""Payments, their refunds and disputes, the events that reported them, and Stripe's balance."""

from .exceptions import PaymentException
from .payments import Payment, PaymentSnapshot, RefundSnapshot
from .payouts import BalanceTransaction, FetchPosition, Payout
from .reversals import Reversal
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
