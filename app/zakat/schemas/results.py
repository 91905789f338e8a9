"""The wire format of the results of calculations."""

from decimal import Decimal
from typing import Any

from marshmallow import fields

from ...http.fields import (
    Amount,
    Choice,
    ExactDecimal,
    StrictBoolean,
    StrictDate,
    StrictInteger,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ...http.schemas import Schema


class AnimalsDueSchema(Schema):
    """Animals due as zakat."""

    animal = Text(required=True, metadata={"example": "sheep"})
    count = StrictInteger(required=True, metadata={"example": 1})


class BreakdownInputsSchema(Schema):
    """What a line was valued from, as far as its category has it."""

    amount = Amount(metadata={"example": 10000})
    share = ExactDecimal(metadata={"example": Decimal("0.25")})
    grams = ExactDecimal(metadata={"example": 100})
    karat = ExactDecimal(metadata={"example": 21})
    fineness = ExactDecimal(metadata={"example": Decimal("0.925")})
    price = ExactDecimal(metadata={"example": Decimal("130.25")})
    price_karat = ExactDecimal(attribute="priceKarat", metadata={"example": 22})
    currency = Text(metadata={"example": "GBP"})
    exchange = ExactDecimal(metadata={"example": Decimal("1.27")})
    cash = Amount(metadata={"example": 4000})
    inventory = Amount(metadata={"example": 25000})
    work_in_progress = Amount(attribute="workInProgress", metadata={"example": 3000})
    receivables = Amount(metadata={"example": 6000})
    doubtful = Amount(metadata={"example": 500})
    liabilities = Amount(metadata={"example": 8000})
    priced = Text(metadata={"example": "2026-01-26"})
    school = Choice("majority", "hanafi")
    kilograms = ExactDecimal(metadata={"example": 653})
    watering = Choice("rain", "irrigated", "mixed")
    species = Choice("camels", "cattle", "sheep")
    count = StrictInteger(metadata={"example": 25})


class BreakdownLineSchema(Schema):
    """An asset or debt: the amount that counts, the zakat on it, and the rule applied."""

    category = Text(required=True, metadata={"example": "cash"})
    label = Text(required=True, allow_none=True, metadata={"example": "Savings account"})
    counted = Amount(required=True, metadata={"example": 10000})
    rate = ExactDecimal(required=True, metadata={"example": Decimal("0.025")})
    zakat = Amount(required=True, metadata={"example": 250})
    due = fields.List(fields.Nested(AnimalsDueSchema), required=True)
    rule = Text(required=True, metadata={"example": "Money counts in full."})
    source = Text(required=True, metadata={"example": "AAOIFI Shari'ah Standard 35 (Zakah)"})
    number = StrictInteger(metadata={"example": 11})  # calculations of earlier releases have none
    inputs = fields.Nested(BreakdownInputsSchema)  # calculations of earlier releases have none


class UnstoredCalculationSchema(Schema):
    """A calculation that is not stored, and its result."""

    id = StrictUUID(required=True, allow_none=True, metadata={"example": None})
    user_id = StrictUUID(required=True, allow_none=True, metadata={"example": None})
    wealth = Amount(required=True, metadata={"example": 10000})
    nisab = Amount(required=True, allow_none=True, metadata={"example": 5000})
    zakat_amount = Amount(required=True, metadata={"example": 250})
    eligible = StrictBoolean(required=True)
    rate = ExactDecimal(required=True, metadata={"example": Decimal("0.025")})
    currency = Text(required=True, metadata={"example": "USD"})
    nisab_basis = Choice("gold", "silver", required=True, allow_none=True)
    nisab_standard = Choice("standard", "tola", required=True, allow_none=True)
    nisab_grams = ExactDecimal(required=True, allow_none=True, metadata={"example": 85})
    nisab_price_per_gram = ExactDecimal(
        required=True, allow_none=True, metadata={"example": Decimal("130.25")}
    )
    nisab_priced_on = StrictDate(required=True, allow_none=True)
    year_basis = Choice("lunar", "solar", required=True)
    school = Choice("majority", "hanafi", required=True, allow_none=True)
    as_of = StrictDate(required=True, allow_none=True)
    rates = fields.Dict(
        keys=fields.String(),
        values=ExactDecimal(),
        required=True,
        allow_none=True,
        metadata={"example": {"GBP": Decimal("1.27")}},
    )
    breakdown = fields.List(fields.Nested(BreakdownLineSchema), required=True, allow_none=True)
    hawl_started_on = StrictDate(required=True, allow_none=True)
    hawl_interrupted_on = StrictDate(required=True, allow_none=True, metadata={"example": None})
    hawl_resumed_on = StrictDate(required=True, allow_none=True, metadata={"example": None})
    hawl_completes_on = StrictDate(required=True, allow_none=True)
    assumptions = fields.List(
        Text(metadata={"example": "The nisab is 85 g of gold (20 dinars, Sunan Abi Dawud 1573)."}),
        required=True,
    )
    notes = Text(required=True, allow_none=True, metadata={"example": "Ramadan 1447"})
    calculated_at = UtcDateTime(required=True)


# The fields that a single amount of wealth has no value for.
ITEMIZED_ONLY: dict[str, Any] = {
    "as_of": None,
    "school": None,
    "nisab_standard": None,
    "nisab_grams": None,
    "nisab_price_per_gram": None,
    "nisab_priced_on": None,
    "rates": None,
    "hawl_interrupted_on": None,
    "hawl_resumed_on": None,
    "assumptions": [],
}


class CalculationSchema(UnstoredCalculationSchema):
    """A stored calculation and its result."""

    id = StrictUUID(required=True)
    user_id = StrictUUID(required=True)
