"""Request and response schemas of payments."""

from decimal import Decimal
from typing import Any

from marshmallow import validate

from ..http.fields import Amount, StrictBoolean, StrictUUID, Text
from ..http.schemas import Schema
from .rules import STATUSES


class PaymentSchema(Schema):
    """A payment; the client confirms it at Stripe with ``clientSecret``."""

    id = StrictUUID(required=True)
    provider = Text(required=True, metadata={"example": "stripe", "enum": ["stripe"]})
    status = Text(required=True, metadata={"example": "pending", "enum": list(STATUSES)})
    amount = Amount(required=True, metadata={"example": Decimal("25.00")})
    currency = Text(required=True, metadata={"example": "USD"})
    client_secret = Text(required=True, allow_none=True, metadata={"example": "pi_…_secret_…"})


class PaymentMethodId(Text):
    """Stripe's id of a payment method, which is charged within the request."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            load_default=None,
            allow_none=True,
            validate=validate.Regexp(r"[A-Za-z0-9_]{1,255}\Z"),
            metadata={"example": None},
            **kwargs,
        )


class WebhookReceivedSchema(Schema):
    received = StrictBoolean(required=True)


class PayInstallmentSchema(Schema):
    """How to pay an instalment; the body may be left out."""

    payment_method_id = PaymentMethodId()
