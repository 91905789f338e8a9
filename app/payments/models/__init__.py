"""Payments, their refunds and disputes, and the webhook events that reported them."""

from .payments import Payment, PaymentSnapshot, RefundSnapshot, Reversal
from .webhook_events import WebhookEvent

__all__ = ["Payment", "PaymentSnapshot", "RefundSnapshot", "Reversal", "WebhookEvent"]
