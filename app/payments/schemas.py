"""Request and response schemas of payments."""

from decimal import Decimal
from typing import Any

from marshmallow import fields, validate

from ..http.fields import (
    Amount,
    MultilineText,
    StrictBoolean,
    StrictDate,
    StrictInteger,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ..http.schemas import PaginationSchema, PeriodQuerySchema, Schema
from ..http.validators import Length, OneOf
from ..messages import Fault, Rule
from .rules import EXCEPTION_KINDS, EXCEPTION_STATUSES, MATCHES, PAYOUT_STATUSES, STATUSES


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
            validate=validate.Regexp(
                r"[A-Za-z0-9_]{1,255}\Z",
                error=Fault("Must be an id of a payment method at Stripe.", Rule.INVALID_FORMAT),
            ),
            metadata={"example": None},
            **kwargs,
        )


class WebhookReceivedSchema(Schema):
    """The confirmation that an event was stored."""

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


class ExceptionListQuerySchema(PeriodQuerySchema):
    """Filters of the list; the period is that of ``createdAt``."""

    status = Text(
        load_default=None, validate=OneOf(EXCEPTION_STATUSES), metadata={"example": "open"}
    )
    kind = Text(load_default=None, validate=OneOf(EXCEPTION_KINDS), metadata={"example": "dispute"})


class ResolutionSchema(Schema):
    """How an exception was handled."""

    note = MultilineText(
        required=True,
        validate=[
            Length(1, 1000),
            validate.Regexp(r"\s*\S", error=Fault("Must not be blank.", Rule.BLANK)),
        ],
        metadata={"example": "Answered in the dashboard"},
    )


class PayoutListQuerySchema(PeriodQuerySchema):
    """Which payouts are listed; the period is of the days on which they arrive."""

    status = Text(
        load_default=None,
        validate=OneOf(PAYOUT_STATUSES),
        metadata={"example": "paid"},
    )


class PayoutSchema(Schema):
    """A payout and the totals of its lines, which add up to its amount; what was taken is < 0."""

    id = StrictUUID(required=True)
    provider = Text(required=True, metadata={"example": "stripe", "enum": ["stripe"]})
    provider_reference = Text(required=True, attribute="provider_id", metadata={"example": "po_…"})
    amount = Amount(required=True, metadata={"example": Decimal("93.90")})
    currency = Text(required=True, metadata={"example": "USD"})
    status = Text(required=True, metadata={"example": "paid", "enum": list(PAYOUT_STATUSES)})
    automatic = StrictBoolean(
        required=True, metadata={"description": "Stripe lists the lines of these only."}
    )
    arrival_date = StrictDate(required=True, attribute="arrives_on")
    failure_code = Text(required=True, allow_none=True, metadata={"example": None})
    bank_reference = Text(required=True, allow_none=True, metadata={"example": "FT26026X1"})
    description = Text(required=True, allow_none=True, metadata={"example": "STRIPE PAYOUT"})
    lines_complete = StrictBoolean(
        required=True, metadata={"description": "False until all lines have been fetched."}
    )
    charges = Amount(required=True, metadata={"example": Decimal("100.00")})
    refunds = Amount(required=True, metadata={"example": Decimal("-3.00")})
    fees = Amount(required=True, metadata={"example": Decimal("-3.10")})
    other = Amount(required=True, metadata={"example": Decimal(0)})
    matched = StrictInteger(required=True, metadata={"example": 2})
    unmatched = StrictInteger(
        required=True, metadata={"example": 0, "description": "Lines with an exception."}
    )
    created_at = UtcDateTime(required=True, attribute="occurred_at")


class PayoutLineSchema(Schema):
    """A movement of Stripe's balance in a payout, and the record that it is about."""

    id = StrictUUID(required=True)
    type = Text(required=True, metadata={"example": "charge"})
    amount = Amount(required=True, metadata={"example": Decimal("100.00")})
    fee = Amount(required=True, metadata={"example": Decimal("3.10")})
    net = Amount(required=True, metadata={"example": Decimal("96.90")})
    currency = Text(required=True, metadata={"example": "USD"})
    provider_reference = Text(required=True, attribute="provider_id", metadata={"example": "txn_…"})
    source_reference = Text(
        required=True, allow_none=True, attribute="source_id", metadata={"example": "ch_…"}
    )
    match = Text(required=True, metadata={"example": "payment", "enum": list(MATCHES)})
    fund = Text(required=True, allow_none=True, metadata={"example": "waqf 0197c3a1-…"})
    payment_id = StrictUUID(required=True, allow_none=True)
    donation_id = StrictUUID(required=True, allow_none=True)
    application_id = StrictUUID(required=True, allow_none=True)
    record_number = Text(
        required=True,
        allow_none=True,
        metadata={
            "example": "R-2026-000001",
            "description": "Number of the donation's receipt or of the application.",
        },
    )
    description = Text(required=True, allow_none=True, metadata={"example": None})
    exception_id = StrictUUID(required=True, allow_none=True, metadata={"example": None})
    created_at = UtcDateTime(required=True, attribute="occurred_at")


class PayoutDetailSchema(PayoutSchema):
    """A payout with a page of its lines."""

    lines = fields.List(fields.Nested(PayoutLineSchema), required=True)
    pagination = fields.Nested(PaginationSchema, required=True)
