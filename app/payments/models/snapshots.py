"""Payments and refunds as they are when they are sent to Stripe."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID


class PaymentSnapshot(NamedTuple):
    """A payment as it is when it is sent to Stripe: the columns that are needed for this."""

    id: UUID
    amount: Decimal
    currency: str
    payment_method_id: str | None
    intent_id: str | None
    status: str
    created_at: datetime
    installment_id: UUID | None
    application_id: UUID | None
    superseded: bool
    last_event_at: int | None
    details: dict[str, str] | None


class RefundSnapshot(NamedTuple):
    """A refund as it is when it is sent to Stripe: the columns that are needed for this."""

    currency: str
    intent_id: str
    payment_id: UUID
    provider_id: str | None
    amount: Decimal
    status: str
    created_at: datetime
