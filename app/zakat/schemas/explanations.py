"""The wire format of the list of all rules."""

from decimal import Decimal

from marshmallow import fields

from ...http.fields import ExactDecimal, StrictDate, StrictInteger, Text
from ...http.schemas import Schema


class ZakatRuleSchema(Schema):
    """A rule of zakat with its source."""

    number = StrictInteger(required=True, metadata={"example": 6})
    topic = Text(required=True, metadata={"example": "year"})
    rule = Text(required=True, metadata={"example": "The rate of a lunar year is a fortieth."})
    source = Text(required=True, metadata={"example": "Sahih al-Bukhari 1454"})
    figures = fields.Dict(
        keys=fields.String(),
        values=ExactDecimal(),
        required=True,
        metadata={"example": {"rate": Decimal("0.025")}},
    )
    since = StrictDate(required=True, metadata={"example": "2026-11-26"})
    until = StrictDate(required=True, allow_none=True, metadata={"example": None})


class ZakatRulesSchema(Schema):
    """All rules by which this service calculates zakat."""

    rules = fields.List(fields.Nested(ZakatRuleSchema), required=True)
