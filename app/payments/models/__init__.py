"""Payments, their refunds and disputes, and the webhook events that reported them."""

from .exceptions import PaymentException
from .payments import Payment, PaymentSnapshot, RefundSnapshot
from .reversals import Reversal
from .webhook_events import WebhookEvent

__all__ = [
    "Payment",
    "PaymentException",
    "PaymentSnapshot",
    "RefundSnapshot",
    "Reversal",
    "WebhookEvent",
]
