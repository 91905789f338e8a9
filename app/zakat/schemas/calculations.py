"""The wire format of calculations: two kinds of requests, one kind of response."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from flask import current_app
from marshmallow import ValidationError, fields, validates_schema

from ...http.fields import (
    Amount,
    BoundedList,
    Choice,
    Currency,
    ExactDecimal,
    MultilineText,
    QueryInteger,
    StrictBoolean,
    StrictDate,
    StrictInteger,
    StrictUUID,
    Text,
    UtcDateTime,
)
from ...http.schemas import OneOfSchema, Schema
from ...http.validators import Length, Range, not_one_of
from ...messages import Fault, Rule
from ...money import ZERO

POSITIVE = Range(min=ZERO, min_inclusive=False)
NOT_NEGATIVE = Range(min=ZERO)
SHARE = Range(min=ZERO, max=1)
LONG_TERM_SHARE = Decimal("0.25")  # of a company's value: its cash, inventory and receivables
MAX_ASSETS, MAX_LIABILITIES = 200, 100
MAX_LABEL_LENGTH = 120


class Label(Text):
    def __init__(self) -> None:
        super().__init__(
            load_default=None,
            allow_none=True,
            validate=Length(max=MAX_LABEL_LENGTH),
            metadata={"example": "Savings account"},
        )


class Notes(MultilineText):
    def __init__(self) -> None:
        super().__init__(
            load_default=None,
            allow_none=True,
            validate=Length(max=500),
            metadata={"example": "Ramadan 1447"},
        )


class ValuedAssetSchema(Schema):
    """An asset given by its value."""

    category = Choice(
        *("cash", "bank", "crypto", "trade_goods", "property_for_sale", "other"),
        *("shares_trading", "rikaz"),
        required=True,
    )
    label = Label()
    amount = Amount(required=True, validate=NOT_NEGATIVE)


class ReceivableSchema(Schema):
    """Money owed to the user."""

    category = Choice("receivable", required=True)
    label = Label()
    amount = Amount(required=True, validate=NOT_NEGATIVE)
    collectible = StrictBoolean(load_default=True)


class LongTermSchema(Schema):
    """Shares held for their dividends, and retirement savings."""

    category = Choice("shares_long_term", "retirement", required=True)
    label = Label()
    amount = Amount(required=True, validate=NOT_NEGATIVE)
    zakatable_share = ExactDecimal(
        load_default=LONG_TERM_SHARE, validate=SHARE, metadata={"example": LONG_TERM_SHARE}
    )


class MetalSchema(Schema):
    """The fields of gold and silver; without a price, the published one applies."""

    label = Label()
    grams = ExactDecimal(required=True, validate=NOT_NEGATIVE, metadata={"example": 100})
    personal_use = StrictBoolean(load_default=False, metadata={"example": False})
    price_per_gram = ExactDecimal(load_default=None, allow_none=True, validate=POSITIVE)


class GoldSchema(MetalSchema):
    """Gold, by weight and karat."""

    category = Choice("gold", required=True)
    karat = ExactDecimal(
        load_default=Decimal(24),
        validate=Range(min=ZERO, max=24, min_inclusive=False),
        metadata={"example": 21},
    )


class SilverSchema(MetalSchema):
    """Silver, by weight and fineness."""

    category = Choice("silver", required=True)
    fineness = ExactDecimal(
        load_default=Decimal(1), validate=SHARE, metadata={"example": Decimal("0.925")}
    )


class CropsSchema(Schema):
    """A harvest, by weight and value."""

    category = Choice("crops", required=True)
    label = Label()
    amount = Amount(required=True, validate=NOT_NEGATIVE)
    kilograms = ExactDecimal(required=True, validate=NOT_NEGATIVE, metadata={"example": 653})
    watering = Choice("rain", "irrigated", "mixed", required=True)


class LivestockSchema(Schema):
    """A grazing herd, by the number of animals."""

    category = Choice("livestock", required=True)
    label = Label()
    species = Choice("camels", "cattle", "sheep", required=True)
    count = StrictInteger(
        required=True, validate=Range(0, 1_000_000_000), metadata={"example": 120}
    )


class AssetSchema(OneOfSchema):
    """An asset; its category decides which other fields it has."""

    variants: ClassVar = {
        "value": ValuedAssetSchema,
        "receivable": ReceivableSchema,
        "long_term": LongTermSchema,
        "gold": GoldSchema,
        "silver": SilverSchema,
        "crops": CropsSchema,
        "livestock": LivestockSchema,
    }
    discriminator: ClassVar = "category"
    discriminated: ClassVar = {
        category: variant
        for variant, schema in variants.items()
        for category in vars(schema._declared_fields["category"])["validate"].choices
    }

    def variant_name(self, data: Mapping[str, Any]) -> str:
        """Return the variant of the asset's category. Raises ValidationError."""
        category = data.get("category")
        if not isinstance(category, str) or category not in self.discriminated:
            raise ValidationError({"category": [not_one_of(self.discriminated)]})
        return self.discriminated[category]


class LiabilitySchema(Schema):
    """A debt of the user; only one that is due within the year is deducted."""

    label = Label()
    amount = Amount(required=True, validate=NOT_NEGATIVE, metadata={"example": 5000})
    due_within_year = StrictBoolean(load_default=True)


class WealthCalculationSchema(Schema):
    """A single amount of wealth, and the nisab to compare it with."""

    wealth = Amount(required=True, validate=POSITIVE, metadata={"example": 10000})
    nisab = Amount(required=True, validate=POSITIVE, metadata={"example": 5000})
    currency = Currency()
    notes = Notes()


class ItemizedCalculationSchema(Schema):
    """All assets and liabilities, item by item."""

    assets = BoundedList(
        fields.Nested(AssetSchema), required=True, min_items=1, max_items=MAX_ASSETS
    )
    liabilities = BoundedList(
        fields.Nested(LiabilitySchema), load_default=list, max_items=MAX_LIABILITIES
    )
    nisab_basis = Choice("gold", "silver", load_default=lambda: current_app.config["NISAB_BASIS"])
    year_basis = Choice("lunar", "solar", load_default="lunar")
    school = Choice("majority", "hanafi", load_default="majority")
    hawl_started_on = StrictDate(
        load_default=None, allow_none=True, metadata={"example": "2025-03-01"}
    )
    currency = Currency()
    notes = Notes()

    @validates_schema  # a validator of the field would also receive invalid items
    def require_whole_herds(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Reject a species that is listed twice: all of its herds are counted as one."""
        herds = [asset["species"] for asset in data["assets"] if asset["category"] == "livestock"]
        if len(set(herds)) < len(herds):
            error = Fault(
                "List each species of livestock once, with its whole count.", Rule.DUPLICATE
            )
            raise ValidationError(error, "assets")


class NewCalculationSchema(OneOfSchema):
    """The input of a calculation: a single amount, or assets and liabilities item by item."""

    variants: ClassVar = {"wealth": WealthCalculationSchema, "household": ItemizedCalculationSchema}

    def variant_name(self, data: Mapping[str, Any]) -> str:
        """Return ``household`` for an itemized body, else ``wealth``."""
        return "household" if "assets" in data else "wealth"


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
    year_basis = Choice("lunar", "solar", required=True)
    breakdown = fields.List(fields.Nested(BreakdownLineSchema), required=True, allow_none=True)
    hawl_started_on = StrictDate(required=True, allow_none=True)
    hawl_completes_on = StrictDate(required=True, allow_none=True)
    notes = Text(required=True, allow_none=True, metadata={"example": "Ramadan 1447"})
    calculated_at = UtcDateTime(required=True)


class CalculationSchema(UnstoredCalculationSchema):
    """A stored calculation and its result."""

    id = StrictUUID(required=True)
    user_id = StrictUUID(required=True)


class CalculationDeletedSchema(Schema):
    """The confirmation that a calculation was deleted."""

    message = Text(required=True, metadata={"example": "Calculation deleted"})


class SummaryQuerySchema(Schema):
    """The year of a summary."""

    year = QueryInteger(required=True, validate=Range(1970, 9998), metadata={"example": 2026})


class YearTotalSchema(Schema):
    """The totals of a year in one currency."""

    currency = Text(required=True, metadata={"example": "USD"})
    calculations = StrictInteger(required=True, metadata={"example": 1})
    wealth = Amount(required=True, metadata={"example": 10000})
    zakat_amount = Amount(required=True, metadata={"example": 250})


class SummarySchema(Schema):
    """The user's calculations of a Gregorian year in ``TIME_ZONE``, totalled by currency."""

    year = StrictInteger(required=True, metadata={"example": 2026})
    totals = fields.List(fields.Nested(YearTotalSchema), required=True)
