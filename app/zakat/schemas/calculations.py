"""The wire format of calculations: two kinds of requests, and the routes' other bodies."""

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import current_app
from marshmallow import ValidationError, fields, validates_schema

from ...http.fields import (
    Amount,
    BoundedList,
    Choice,
    Currency,
    MultilineText,
    QueryInteger,
    StrictDate,
    StrictInteger,
    Text,
)
from ...http.schemas import OneOfSchema, Schema
from ...http.validators import Length, Range
from ...messages import Fault, Rule
from .items import (
    MAX_ASSETS,
    MAX_LIABILITIES,
    POSITIVE,
    AssetSchema,
    LiabilitySchema,
    Rates,
)


class Notes(MultilineText):
    def __init__(self) -> None:
        super().__init__(
            load_default=None,
            allow_none=True,
            validate=Length(max=500),
            metadata={"example": "Ramadan 1447"},
        )


class OptionalDay(StrictDate):
    """A day that may be left out."""

    def __init__(self, example: str) -> None:
        super().__init__(load_default=None, allow_none=True, metadata={"example": example})


class WealthCalculationSchema(Schema):
    """A single amount of wealth, and the nisab to compare it with."""

    wealth = Amount(required=True, validate=POSITIVE, metadata={"example": 10000})
    nisab = Amount(required=True, validate=POSITIVE, metadata={"example": 5000})
    currency = Currency()
    notes = Notes()


class HouseholdSchema(Schema):
    """The assets and liabilities of one day."""

    assets = BoundedList(
        fields.Nested(AssetSchema), required=True, min_items=1, max_items=MAX_ASSETS
    )
    liabilities = BoundedList(
        fields.Nested(LiabilitySchema), load_default=list, max_items=MAX_LIABILITIES
    )

    @validates_schema  # a validator of the field would also receive invalid items
    def require_whole_herds(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Reject a species that is listed twice: all of its herds are counted as one."""
        herds = [asset["species"] for asset in data["assets"] if asset["category"] == "livestock"]
        if len(set(herds)) < len(herds):
            error = Fault(
                "List each species of livestock once, with its whole count.", Rule.DUPLICATE
            )
            raise ValidationError(error, "assets")


class TermsSchema(Schema):
    """What the calculations of a request have in common."""

    nisab_basis = Choice("gold", "silver", load_default=lambda: current_app.config["NISAB_BASIS"])
    nisab_standard = Choice(
        "standard", "tola", load_default=lambda: current_app.config["NISAB_STANDARD"]
    )
    year_basis = Choice("lunar", "solar", load_default="lunar")
    school = Choice("majority", "hanafi", load_default="majority")
    rates = Rates()
    currency = Currency()


class ItemizedCalculationSchema(HouseholdSchema, TermsSchema):
    """All assets and liabilities, item by item."""

    as_of = OptionalDay("2026-01-26")
    hawl_started_on = OptionalDay("2025-03-01")
    hawl_interrupted_on = OptionalDay("2025-09-01")
    hawl_resumed_on = OptionalDay("2025-10-01")
    notes = Notes()


class NewCalculationSchema(OneOfSchema):
    """The input of a calculation: a single amount, or assets and liabilities item by item."""

    variants: ClassVar = {"wealth": WealthCalculationSchema, "household": ItemizedCalculationSchema}

    def variant_name(self, data: Mapping[str, Any]) -> str:
        """Return ``household`` for an itemized body, else ``wealth``."""
        return "household" if "assets" in data else "wealth"


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
