"""Payments, their refunds and disputes, and the webhook events that reported them."""

from .exceptions import PaymentException
from .payments import Payment
from .reversals import Reversal
from .snapshots import PaymentSnapshot, RefundSnapshot
from .webhook_events import WebhookEvent

__all__ = [
    "Payment",
    "PaymentException",
    "PaymentSnapshot",
    "RefundSnapshot",
    "Reversal",
    "WebhookEvent",
]
