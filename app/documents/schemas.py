"""The wire format of what verifies a document."""

from marshmallow import fields

from ..http.fields import Amount, Choice, StrictBoolean, StrictDate, StrictInteger, Text
from ..http.schemas import Schema
from .rules import KINDS


class VerifiedAmountSchema(Schema):
    """An amount that the document states."""

    amount = Amount(required=True, metadata={"example": 25})
    currency = Text(required=True, metadata={"example": "USD"})


class VerifiedAnimalsSchema(Schema):
    """Animals that the document states as due."""

    animal = Text(required=True, metadata={"example": "bint_makhad"})
    count = StrictInteger(required=True, metadata={"example": 1})


class VerificationSchema(Schema):
    """Whether a document is genuine, and what it says; the rest is null if it is unknown."""

    genuine = StrictBoolean(required=True)
    kind = Choice(*KINDS, required=True, allow_none=True)
    number = Text(required=True, allow_none=True, metadata={"example": "R-2026-000001"})
    issuer = Text(required=True, allow_none=True, metadata={"example": "Bait al-Mal Trust"})
    date = StrictDate(required=True, allow_none=True, metadata={"example": "2026-01-26"})
    amounts = fields.List(fields.Nested(VerifiedAmountSchema), required=True)
    animals = fields.List(fields.Nested(VerifiedAnimalsSchema), required=True)
    returned = fields.List(
        fields.Nested(VerifiedAmountSchema),
        required=True,
        metadata={"description": "What was returned to the payer, or disputed, since."},
    )
    amended = StrictBoolean(
        required=True,
        metadata={"description": "Whether what was agreed has changed since.", "example": False},
    )
