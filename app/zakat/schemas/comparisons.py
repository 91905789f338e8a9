"""The wire format of what differs between two calculations."""

from marshmallow import fields

from ...http.fields import Amount, StrictUUID, Text
from ...http.schemas import Schema
from .results import BreakdownLineSchema


class AmountChangeSchema(Schema):
    """An amount of two calculations."""

    before = Amount(required=True, allow_none=True, metadata={"example": 250})
    after = Amount(required=True, allow_none=True, metadata={"example": 275})
    difference = Amount(required=True, allow_none=True, metadata={"example": 25})


class TermChangeSchema(Schema):
    """A term that differs."""

    term = Text(required=True, metadata={"example": "school"})
    before = Text(required=True, allow_none=True, metadata={"example": "majority"})
    after = Text(required=True, allow_none=True, metadata={"example": "hanafi"})


class LineChangeSchema(Schema):
    """A line that differs, or that only one of the calculations has."""

    category = Text(required=True, metadata={"example": "cash"})
    label = Text(required=True, allow_none=True, metadata={"example": "Savings account"})
    before = fields.Nested(BreakdownLineSchema, required=True, allow_none=True)
    after = fields.Nested(BreakdownLineSchema, required=True, allow_none=True)
    counted = Amount(required=True, allow_none=True, metadata={"example": 1000})
    zakat = Amount(required=True, allow_none=True, metadata={"example": 25})


class ComparisonSchema(Schema):
    """What differs between two calculations, and by how much."""

    before_id = StrictUUID(required=True)
    after_id = StrictUUID(required=True)
    wealth = fields.Nested(AmountChangeSchema, required=True)
    nisab = fields.Nested(AmountChangeSchema, required=True)
    zakat_amount = fields.Nested(AmountChangeSchema, required=True)
    terms = fields.List(fields.Nested(TermChangeSchema), required=True)
    lines = fields.List(fields.Nested(LineChangeSchema), required=True)
