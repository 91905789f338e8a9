"""The wire format of the prices of metals, and of the nisab that follows from them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import current_app
from marshmallow import ValidationError, fields, validates_schema

from ...http.fields import (
    Amount,
    Choice,
    Currency,
    ExactDecimal,
    StrictBoolean,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ...http.schemas import Schema
from ...messages import Fault, Rule
from .items import POSITIVE

PRICE_MISSING = Fault("Send the price of gold, of silver or of both.", Rule.REQUIRED)


class CurrencyQuerySchema(Schema):
    """The currency of prices."""

    currency = Currency()


class NisabQuerySchema(CurrencyQuerySchema):
    """The currency and the weight of the nisab."""

    nisab_standard = Choice(
        "standard", "tola", load_default=lambda: current_app.config["NISAB_STANDARD"]
    )


class NewNisabSchema(Schema):
    """The prices of a gram of pure gold, silver or both, in effect from a given time on."""

    currency = Currency()
    gold_price_per_gram = ExactDecimal(validate=POSITIVE, metadata={"example": Decimal("130.25")})
    silver_price_per_gram = ExactDecimal(validate=POSITIVE, metadata={"example": Decimal("1.55")})
    effective_at = UtcDateTime()

    @validates_schema
    def require_a_price(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Reject a publication without a price."""
        if not {"gold_price_per_gram", "silver_price_per_gram"} & data.keys():
            raise ValidationError(PRICE_MISSING, "gold_price_per_gram")


class NisabThresholdSchema(Schema):
    """The nisab by a metal."""

    price_per_gram = ExactDecimal(required=True, metadata={"example": Decimal("130.25")})
    grams = ExactDecimal(required=True, metadata={"example": 85})
    nisab = Amount(required=True, metadata={"example": Decimal("11071.25")})


class NisabInForceThresholdSchema(NisabThresholdSchema):
    """The nisab by a metal, at the price that is in force."""

    effective_at = UtcDateTime(required=True)


class NisabSchema(Schema):
    """The nisab in force by gold and by silver, and the time since which it applies."""

    currency = Text(required=True, metadata={"example": "USD"})
    nisab_standard = Choice("standard", "tola", required=True)
    gold = fields.Nested(NisabInForceThresholdSchema, required=True, allow_none=True)
    silver = fields.Nested(NisabInForceThresholdSchema, required=True, allow_none=True)
    effective_at = UtcDateTime(required=True)
    hijri_date = Text(required=True, metadata={"example": "1447-08-07"})


class PublishedNisabSchema(Schema):
    """Prices as they were published, with the nisab that followed from them then."""

    id = StrictUUID(required=True)
    currency = Text(required=True, metadata={"example": "USD"})
    gold = fields.Nested(NisabThresholdSchema, required=True, allow_none=True)
    silver = fields.Nested(NisabThresholdSchema, required=True, allow_none=True)
    effective_at = UtcDateTime(required=True)
    hijri_date = Text(required=True, metadata={"example": "1447-08-07"})
    in_force = StrictBoolean(required=True)
    withdrawn_at = UtcDateTime(required=True, allow_none=True, metadata={"example": None})
