"""The wire format of obligations, and of what is paid of them."""

from decimal import Decimal

from marshmallow import fields

from ...http.fields import (
    Amount,
    Choice,
    StrictDate,
    StrictInteger,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ...http.schemas import Schema
from ...http.validators import Length
from ..rules.obligations import RECIPIENTS
from .items import POSITIVE


class OptionalText(Text):
    """A line of text that may be left out."""

    def __init__(self, max_length: int, example: str) -> None:
        super().__init__(
            load_default=None,
            allow_none=True,
            validate=Length(max=max_length),
            metadata={"example": example},
        )


class NewObligationSchema(Schema):
    """The calculation of a Hijri year's zakat."""

    calculation_id = StrictUUID(required=True)
    due_on = StrictDate(load_default=None, allow_none=True, metadata={"example": "2026-02-18"})


class NewObligationPaymentSchema(Schema):
    """A part of an obligation that was paid."""

    amount = Amount(required=True, validate=POSITIVE, metadata={"example": 100})
    paid_on = StrictDate(required=True, metadata={"example": "2026-01-26"})
    recipient = OptionalText(200, "The neighbours' fund")
    category = Choice(*RECIPIENTS, load_default=None, allow_none=True)
    reference = OptionalText(100, "Transfer 4711")
    donation_id = StrictUUID(load_default=None, allow_none=True, metadata={"example": None})


class ObligationPaymentSchema(Schema):
    """A part of an obligation that was paid."""

    id = StrictUUID(required=True)
    obligation_id = StrictUUID(required=True)
    amount = Amount(required=True, metadata={"example": 100})
    paid_on = StrictDate(required=True)
    recipient = Text(required=True, allow_none=True, metadata={"example": "The neighbours' fund"})
    category = Choice(*RECIPIENTS, required=True, allow_none=True)
    reference = Text(required=True, allow_none=True, metadata={"example": "Transfer 4711"})
    donation_id = StrictUUID(required=True, allow_none=True, metadata={"example": None})
    created_at = UtcDateTime(required=True)


class ObligationSchema(Schema):
    """The zakat of a Hijri year, and what is paid of it."""

    id = StrictUUID(required=True)
    hijri_year = StrictInteger(required=True, metadata={"example": 1447})
    currency = Text(required=True, metadata={"example": "USD"})
    due = Amount(required=True, metadata={"example": 250})
    paid = Amount(required=True, metadata={"example": 100})
    remaining = Amount(required=True, metadata={"example": Decimal(150)})
    due_on = StrictDate(required=True, metadata={"example": "2026-02-18"})
    calculation_id = StrictUUID(required=True, allow_none=True)
    payments = fields.List(fields.Nested(ObligationPaymentSchema), required=True)
    created_at = UtcDateTime(required=True)


class ObligationDeletedSchema(Schema):
    """The confirmation that an obligation or a payment of one was deleted."""

    message = Text(required=True, metadata={"example": "Obligation deleted"})
