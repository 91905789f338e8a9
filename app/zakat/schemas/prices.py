"""The wire format of the prices of metals, and of the nisab that follows from them."""

from decimal import Decimal

from marshmallow import fields

from ...http.fields import Amount, Currency, ExactDecimal, StrictInteger, Text, UtcDateTime
from ...http.schemas import Schema
from .calculations import POSITIVE


class CurrencyQuerySchema(Schema):
    """The currency of prices."""

    currency = Currency()


class NewNisabSchema(Schema):
    """The prices of a gram of pure gold and silver, in effect from a given time on."""

    currency = Currency()
    gold_price_per_gram = ExactDecimal(
        required=True, validate=POSITIVE, metadata={"example": Decimal("130.25")}
    )
    silver_price_per_gram = ExactDecimal(
        required=True, validate=POSITIVE, metadata={"example": Decimal("1.55")}
    )
    effective_at = UtcDateTime()


class NisabThresholdSchema(Schema):
    """The nisab by a metal."""

    price_per_gram = ExactDecimal(required=True, metadata={"example": Decimal("130.25")})
    grams = StrictInteger(required=True, metadata={"example": 85})
    nisab = Amount(required=True, metadata={"example": Decimal("11071.25")})


class NisabSchema(Schema):
    """The nisab by gold and by silver, and the time since which it applies."""

    currency = Text(required=True, metadata={"example": "USD"})
    gold = fields.Nested(NisabThresholdSchema, required=True)
    silver = fields.Nested(NisabThresholdSchema, required=True)
    effective_at = UtcDateTime(required=True)
    hijri_date = Text(required=True, metadata={"example": "1447-08-07"})
