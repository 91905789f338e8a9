"""The wire format of assets and liabilities."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validates_schema

from ...http.fields import (
    UNKNOWN_CURRENCY,
    Amount,
    BoundedList,
    Choice,
    Currency,
    ExactDecimal,
    StrictBoolean,
    StrictInteger,
    Text,
)
from ...http.schemas import OneOfSchema, Schema
from ...http.validators import NOT_AN_OBJECT, Length, OneOf, Range, not_one_of
from ...messages import Fault, Rule
from ...money import MINOR_UNITS, ZERO

NEEDS_PRICE = Fault("Must be sent together with {field}.", Rule.REQUIRED, field="pricePerGram")
KARAT = Range(min=ZERO, max=24, min_inclusive=False)
POSITIVE = Range(min=ZERO, min_inclusive=False)
NOT_NEGATIVE = Range(min=ZERO)
SHARE = Range(min=ZERO, max=1)
LONG_TERM_SHARE = Decimal("0.25")  # of a company's value: its cash, inventory and receivables
MAX_ASSETS, MAX_LIABILITIES = 200, 100
MAX_RECEIVABLES = 50  # of a business
MAX_LABEL_LENGTH = 120


class Label(Text):
    def __init__(self) -> None:
        super().__init__(
            load_default=None,
            allow_none=True,
            validate=Length(max=MAX_LABEL_LENGTH),
            metadata={"example": "Savings account"},
        )


class ItemCurrency(Text):
    """The currency of an item; that of the calculation if it is left out."""

    def __init__(self) -> None:
        super().__init__(
            load_default=None,
            allow_none=True,
            validate=OneOf(Currency.CODES, fault=UNKNOWN_CURRENCY),
            metadata={"example": "USD"},
        )


class ItemSchema(Schema):
    """The fields of every item that has an amount."""

    label = Label()
    currency = ItemCurrency()

    def excess_decimals(self, data: Mapping[str, Any], places: int) -> dict[str, Any]:
        """Check the amounts by the item's own currency, if it has one."""
        code = data.get("currency")
        return super().excess_decimals(data, MINOR_UNITS[code] if code else places)


class Rates(fields.Dict):
    """Rates of exchange by currency: what a unit of each is worth in the calculation's."""

    def __init__(self) -> None:
        self.rate = ExactDecimal(places=12, validate=POSITIVE)
        super().__init__(
            keys=Text(),
            values=self.rate,
            load_default=dict,
            metadata={"example": {"GBP": Decimal("1.27")}},
        )

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> dict[str, Decimal]:
        if not isinstance(value, Mapping):
            raise ValidationError(NOT_AN_OBJECT)
        errors: dict[str, Any] = {}
        rates: dict[str, Any] = {}
        for code, rate in list(value.items())[: len(Currency.CODES) + 1]:
            if code not in MINOR_UNITS:
                raise ValidationError(UNKNOWN_CURRENCY)
            try:
                rates[code] = self.rate.deserialize(rate)
            except ValidationError as error:
                errors[code] = error.messages
        if errors:
            raise ValidationError(errors)
        return rates


class ValuedAssetSchema(ItemSchema):
    """An asset given by its value."""

    category = Choice(
        *("cash", "bank", "crypto", "trade_goods", "property_for_sale", "other"),
        *("shares_trading", "rikaz"),
        required=True,
    )
    amount = Amount(required=True, validate=NOT_NEGATIVE)


class ReceivableSchema(ItemSchema):
    """Money owed to the user."""

    category = Choice("receivable", required=True)
    amount = Amount(required=True, validate=NOT_NEGATIVE)
    collectible = StrictBoolean(load_default=True)


class LongTermSchema(ItemSchema):
    """Shares held for their dividends, and retirement savings."""

    category = Choice("shares_long_term", "retirement", required=True)
    amount = Amount(required=True, validate=NOT_NEGATIVE)
    zakatable_share = ExactDecimal(
        load_default=LONG_TERM_SHARE, validate=SHARE, metadata={"example": LONG_TERM_SHARE}
    )


class BusinessReceivableSchema(Schema):
    """Money that a customer owes to a business."""

    amount = Amount(required=True, validate=NOT_NEGATIVE)
    collectible = StrictBoolean(load_default=True)


class BusinessSchema(ItemSchema):
    """A business, by its current assets and the liabilities due within the year."""

    category = Choice("business", required=True)
    cash = Amount(load_default=ZERO, validate=NOT_NEGATIVE)
    inventory = Amount(load_default=ZERO, validate=NOT_NEGATIVE)
    work_in_progress = Amount(load_default=ZERO, validate=NOT_NEGATIVE)
    receivables = BoundedList(
        fields.Nested(BusinessReceivableSchema), load_default=list, max_items=MAX_RECEIVABLES
    )
    liabilities = Amount(load_default=ZERO, validate=NOT_NEGATIVE)
    share = ExactDecimal(load_default=Decimal(1), validate=SHARE, metadata={"example": 1})


class MetalSchema(ItemSchema):
    """The fields of gold and silver; without a price, the published one applies."""

    grams = ExactDecimal(required=True, validate=NOT_NEGATIVE, metadata={"example": 100})
    personal_use = StrictBoolean(load_default=False, metadata={"example": False})
    price_per_gram = ExactDecimal(load_default=None, allow_none=True, validate=POSITIVE)

    @validates_schema
    def require_price(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Reject the karat of a price without the price."""
        if data.get("price_karat") is not None and data["price_per_gram"] is None:
            raise ValidationError(NEEDS_PRICE, "price_karat")


class GoldSchema(MetalSchema):
    """Gold, by weight and karat."""

    category = Choice("gold", required=True)
    karat = ExactDecimal(
        load_default=Decimal(24),
        validate=KARAT,
        metadata={"example": 21},
    )
    price_karat = ExactDecimal(
        load_default=None, allow_none=True, validate=KARAT, metadata={"example": None}
    )


class SilverSchema(MetalSchema):
    """Silver, by weight and fineness."""

    category = Choice("silver", required=True)
    fineness = ExactDecimal(
        load_default=Decimal(1), validate=SHARE, metadata={"example": Decimal("0.925")}
    )


class CropsSchema(ItemSchema):
    """A harvest, by weight and value."""

    category = Choice("crops", required=True)
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
        "business": BusinessSchema,
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


class LiabilitySchema(ItemSchema):
    """A debt of the user; only one that is due within the year is deducted."""

    amount = Amount(required=True, validate=NOT_NEGATIVE, metadata={"example": 5000})
    due_within_year = StrictBoolean(load_default=True)
