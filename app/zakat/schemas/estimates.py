"""The wire format of missed years, and of zakat al-fitr."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, pre_load, validates_schema

from ...http.fields import (
    Amount,
    BoundedList,
    Currency,
    StrictDate,
    StrictInteger,
    Text,
)
from ...http.schemas import Schema
from ...http.validators import Range
from ...messages import Fault, Rule
from .calculations import HouseholdSchema, TermsSchema
from .items import POSITIVE, Rates
from .results import UnstoredCalculationSchema

MAX_YEARS, MAX_ITEMS = 30, 1_000
TOO_MANY_ITEMS = Fault.of_count(
    "All years may have {max} item in all.",
    "All years may have {max} items in all.",
    Rule.TOO_LONG,
    max=MAX_ITEMS,
)


class MissedYearSchema(HouseholdSchema):
    """What was owned and owed on the day on which a hawl was complete."""

    as_of = StrictDate(required=True, metadata={"example": "2026-01-26"})
    rates = Rates()


class NewMissedYearsSchema(TermsSchema):
    """The years for which zakat was not paid."""

    years = BoundedList(
        fields.Nested(MissedYearSchema), required=True, min_items=1, max_items=MAX_YEARS
    )

    @pre_load
    def limit_items(self, data: Any, **kwargs: Any) -> Any:
        """Reject more items in all than are calculated in one request."""
        years = data.get("years") if isinstance(data, Mapping) else None
        lists = [
            year.get(name)
            for year in (years if isinstance(years, list) else ())
            if isinstance(year, Mapping)
            for name in ("assets", "liabilities")
        ]
        if sum(len(items) for items in lists if isinstance(items, list)) > MAX_ITEMS:
            raise ValidationError(TOO_MANY_ITEMS, "years")
        return data

    @validates_schema
    def require_different_days(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Reject a day that is listed twice."""
        days = [year["as_of"] for year in data["years"]]
        if len(set(days)) < len(days):
            raise ValidationError(Fault("List each day once.", Rule.DUPLICATE), "years")


class MissedTotalSchema(Schema):
    """The zakat of all missed years in one currency."""

    currency = Text(required=True, metadata={"example": "USD"})
    zakat_amount = Amount(required=True, metadata={"example": 250})


class MissedYearsSchema(Schema):
    """The zakat of each missed year, at the price of its own day."""

    years = fields.List(fields.Nested(UnstoredCalculationSchema), required=True)
    totals = fields.List(fields.Nested(MissedTotalSchema), required=True)


class NewFitrSchema(Schema):
    """A household, and the value of a sa' of staple food."""

    people = StrictInteger(required=True, validate=Range(1, 10_000), metadata={"example": 5})
    per_person = Amount(required=True, validate=POSITIVE, metadata={"example": 12})
    currency = Currency()


class FitrSchema(Schema):
    """Zakat al-fitr of a household."""

    people = StrictInteger(required=True, metadata={"example": 5})
    per_person = Amount(required=True, metadata={"example": 12})
    total = Amount(required=True, metadata={"example": 60})
    currency = Text(required=True, metadata={"example": "USD"})
    due_before = StrictDate(required=True, metadata={"example": "2026-03-20"})
    hijri_year = StrictInteger(required=True, metadata={"example": 1447})
