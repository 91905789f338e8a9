"""Request and response schemas of payments and receipts."""

from decimal import Decimal

from marshmallow import fields

from ...http.fields import Amount, Choice, StrictDate, StrictInteger, StrictUUID, Text, UtcDateTime
from ...http.schemas import Schema
from ...payments.schemas import PayInstallmentSchema
from .fields import NOT_NEGATIVE, POSITIVE, Reference


class RecordPaymentSchema(Schema):
    """Money that was received outside Stripe."""

    amount = Amount(required=True, validate=POSITIVE, metadata={"example": Decimal("1916.67")})
    method = Reference(50, required=True, metadata={"example": "bank_transfer"})
    reference = Reference(required=True, metadata={"example": "TRX-4711"})

    received_on = StrictDate(
        load_default=None,
        allow_none=True,
        metadata={"description": "The value date; today by default.", "example": None},
    )


class ReceiptReversalSchema(Schema):
    """The reason of a reversal."""

    reason = Reference(500, required=True, metadata={"example": "The cheque was returned"})


class ReceiptPartSchema(Schema):
    """What a receipt paid of an instalment."""

    number = StrictInteger(required=True, metadata={"example": 1})
    amount = Amount(required=True, metadata={"example": Decimal("1916.67")})


class ReceiptSchema(Schema):
    """Money received outside Stripe; ``parts`` is what it paid when it was recorded."""

    id = StrictUUID(required=True)
    kind = Choice("installment", "down_payment", required=True)
    amount = Amount(required=True, metadata={"example": Decimal("1916.67")})
    method = Text(required=True, metadata={"example": "bank_transfer"})
    reference = Text(required=True, metadata={"example": "TRX-4711"})
    received_on = StrictDate(required=True)
    parts = fields.List(fields.Nested(ReceiptPartSchema), required=True)
    created_at = UtcDateTime(required=True)
    reversed_at = UtcDateTime(required=True, allow_none=True, metadata={"example": None})
    reversal_reason = Text(required=True, allow_none=True, metadata={"example": None})


class PayAmountSchema(PayInstallmentSchema):
    """How to pay, and how much: by default what is due."""

    amount = Amount(
        load_default=None, allow_none=True, validate=POSITIVE, metadata={"example": None}
    )


class EarlySettlementSchema(Schema):
    """An early settlement; the body may be left out."""

    rebate = Amount(load_default=Decimal(0), validate=NOT_NEGATIVE, metadata={"example": 250})
