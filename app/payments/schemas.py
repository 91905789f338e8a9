"""Request and response schemas of payments."""

from decimal import Decimal
from typing import Any

from marshmallow import fields, validate

from ..http.fields import (
    Amount,
    MultilineText,
    StrictBoolean,
    StrictDate,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ..http.schemas import Schema
from .rules import EXCEPTION_KINDS, EXCEPTION_STATUSES, STATUSES


class PaymentSchema(Schema):
    """A payment; the client confirms it at Stripe with ``clientSecret``."""

    id = StrictUUID(required=True)
    provider = Text(required=True, metadata={"example": "stripe", "enum": ["stripe"]})
    status = Text(required=True, metadata={"example": "pending", "enum": list(STATUSES)})
    amount = Amount(required=True, metadata={"example": Decimal("25.00")})
    currency = Text(required=True, metadata={"example": "USD"})
    amount_received = Amount(required=True, metadata={"example": 0})
    client_secret = Text(required=True, allow_none=True, metadata={"example": "pi_…_secret_…"})
    next_action = Text(required=True, allow_none=True, metadata={"example": None})
    expires_at = UtcDateTime(required=True, allow_none=True)


class StaffPaymentSchema(PaymentSchema):
    """A payment as staff see it, with Stripe's id of its PaymentIntent."""

    provider_reference = Text(
        required=True, allow_none=True, attribute="intent_id", metadata={"example": "pi_…"}
    )


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


class PaymentExceptionSchema(Schema):
    """What Stripe reported that needs a person, and what the service has done about it."""

    id = StrictUUID(required=True)
    kind = Text(required=True, metadata={"example": "dispute", "enum": list(EXCEPTION_KINDS)})
    status = Text(required=True, metadata={"example": "open", "enum": list(EXCEPTION_STATUSES)})
    message = Text(required=True, metadata={"example": "The payer disputes USD 25.00. …"})
    payment_id = StrictUUID(required=True, allow_none=True)
    donation_id = StrictUUID(required=True, allow_none=True)
    application_id = StrictUUID(required=True, allow_none=True, metadata={"example": None})
    provider_reference = Text(required=True, allow_none=True, metadata={"example": "dp_…"})
    amount = Amount(required=True, allow_none=True, metadata={"example": 25})
    currency = Text(required=True, allow_none=True, metadata={"example": "USD"})
    facts = fields.Dict(required=True, metadata={"example": {"dueBy": "2026-02-09T23:59:59Z"}})
    occurred_at = UtcDateTime(required=True, allow_none=True)
    created_at = UtcDateTime(required=True)
    resolved_at = UtcDateTime(required=True, allow_none=True, metadata={"example": None})
    resolved_by = Text(
        required=True, allow_none=True, attribute="resolver_name", metadata={"example": None}
    )
    note = Text(required=True, allow_none=True, metadata={"example": None})


class ExceptionListQuerySchema(Schema):
    """Filters of the list; ``from`` and ``to`` are days of ``createdAt``, both included."""

    status = Text(
        load_default=None, validate=validate.OneOf(EXCEPTION_STATUSES), metadata={"example": "open"}
    )
    kind = Text(
        load_default=None, validate=validate.OneOf(EXCEPTION_KINDS), metadata={"example": "dispute"}
    )
    from_day = StrictDate(load_default=None, data_key="from")
    to_day = StrictDate(load_default=None, data_key="to")


class ResolutionSchema(Schema):
    note = MultilineText(
        required=True,
        validate=[
            validate.Length(1, 1000),
            validate.Regexp(r"\s*\S", error="Must not be blank."),
        ],
        metadata={"example": "Answered in the dashboard"},
    )
