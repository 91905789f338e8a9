"""Our base Schema: camelCase names, unknown fields rejected, decimals limited by currency."""

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import marshmallow
from marshmallow import RAISE, ValidationError, validate, validates_schema

from ..money import MINOR_UNITS
from .fields import (
    Amount,
    Choice,
    Currency,
    QueryInteger,
    StrictBoolean,
    StrictDate,
    StrictInteger,
    Text,
    decimals,
)
from .languages import LANGUAGES

MAX_OFFSET = 10_000  # rows; a later page is requested by its cursor


def camel_case(name: str) -> str:
    """Return ``name`` in camelCase: ``requested_amount`` becomes ``requestedAmount``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class Schema(marshmallow.Schema):
    """Base class of every schema. Input and output are separate classes."""

    class Meta:
        unknown = RAISE

    @classmethod
    def accepts_empty_body(cls) -> bool:
        """Return whether no field is required."""
        return not any(field.required for field in cls().fields.values())

    def on_bind_field(self, field_name: str, field_obj: marshmallow.fields.Field[Any]) -> None:
        field_obj.data_key = field_obj.data_key or camel_case(field_name)

    @validates_schema
    def require_minor_units(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Raise ValidationError for amounts with more decimals than their currency has."""
        if isinstance(self.fields.get("currency"), Currency):
            errors = self.excess_decimals(data, MINOR_UNITS[data["currency"]])
            if errors:
                raise ValidationError(errors)

    def excess_decimals(self, data: Mapping[str, Any], places: int) -> dict[str, Any]:
        """Return an error for each amount with more than ``places`` decimals, by wire name."""
        errors: dict[str, Any] = {}
        for name, field in self.load_fields.items():
            value = data.get(name)
            error: Any = None
            if isinstance(field, Amount) and value is not None and decimals(value) > places:
                error = [f"At most {places} decimals in this currency."]
            elif isinstance(field, marshmallow.fields.List) and isinstance(
                field.inner, marshmallow.fields.Nested
            ):
                inner: Any = field.inner.schema
                item_errors = (inner.excess_decimals(item, places) for item in value or [])
                error = {index: errors for index, errors in enumerate(item_errors) if errors}
            if error:
                errors[field.data_key or name] = error
        return errors


class OneOfSchema(Schema):
    """Input in one of several variants, chosen before it is loaded."""

    variants: ClassVar[Mapping[str, type[Schema]]]

    def variant_name(self, data: Mapping[str, Any]) -> str:
        """Return the name of the variant that ``data`` has. Raises ValidationError."""
        raise NotImplementedError

    @classmethod
    def accepts_empty_body(cls) -> bool:
        return False

    def load(self, data: Any, **kwargs: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValidationError({"_schema": ["Invalid input type."]})
        return self.variant(data).load(data, **kwargs)

    def variant(self, data: Mapping[str, Any]) -> Schema:
        """Return the schema of the variant that ``data`` has. Raises ValidationError."""
        return _instance(self.variants[self.variant_name(data)])

    def excess_decimals(self, data: Mapping[str, Any], places: int) -> dict[str, Any]:
        return self.variant(data).excess_decimals(data, places)


@cache
def _instance(schema: type[Schema]) -> Schema:
    return schema()


class PaginationQuerySchema(Schema):
    """The requested page of a list."""

    limit = QueryInteger(load_default=10, validate=validate.Range(1, 100), metadata={"example": 10})
    offset = QueryInteger(
        load_default=0, validate=validate.Range(0, MAX_OFFSET), metadata={"example": 0}
    )
    after = marshmallow.fields.String(
        load_default=None,
        validate=validate.Regexp(r"[A-Za-z0-9_-]{12,200}\Z", error="Not a cursor of this list."),
        metadata={"description": "`next` of the previous page, instead of `offset`."},
    )

    @validates_schema(pass_original=True)
    def require_one_start(
        self, data: Mapping[str, Any], original: Mapping[str, Any], **kwargs: Any
    ) -> None:
        """Reject a cursor together with an offset."""
        if "after" in original and "offset" in original:
            raise ValidationError("Send either after or offset.", "after")


class ExportQuerySchema(Schema):
    """The format of an export."""

    format = Choice("ndjson", "csv", load_default="ndjson")


class LanguageQuerySchema(Schema):
    """The language of a document; by default that of Accept-Language, else the user's."""

    lang = Choice(*LANGUAGES, load_default=None)


class PeriodQuerySchema(Schema):
    """A period in days of TIME_ZONE, both included; without a bound it is open."""

    since = StrictDate(data_key="from", load_default=None, metadata={"example": "2026-01-01"})
    until = StrictDate(data_key="to", load_default=None, metadata={"example": "2026-12-31"})

    @validates_schema
    def require_order(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Reject a period that ends before it begins."""
        if data["since"] and data["until"] and data["since"] > data["until"]:
            raise ValidationError("Must not be before from.", "to")


class PaginationSchema(Schema):
    """The returned page of a list, the number of its rows, and the cursor of the next page."""

    limit = StrictInteger(required=True, metadata={"example": 10})
    offset = StrictInteger(
        required=True,
        allow_none=True,
        metadata={"example": 0, "description": "Null for a page that was requested by cursor."},
    )
    total = StrictInteger(
        required=True, metadata={"example": 1, "description": "Rows of the list, at most 10,000."}
    )
    total_is_exact = StrictBoolean(
        required=True,
        metadata={"example": True, "description": "False if the list has more than `total` rows."},
    )
    next = Text(
        required=True,
        allow_none=True,
        metadata={"example": None, "description": "Cursor of the next page; null at the end."},
    )


class ErrorDetailSchema(Schema):
    """A fault of the request, and its path in the body or query."""

    path = marshmallow.fields.List(
        marshmallow.fields.Raw(), required=True, metadata={"example": ["wealth"]}
    )
    message = marshmallow.fields.String(
        required=True, metadata={"example": "Must be greater than 0."}
    )


class ErrorSchema(Schema):
    """An error: ``code`` for programs, ``error`` for people, ``requestId`` for support."""

    error = marshmallow.fields.String(required=True)
    code = marshmallow.fields.String(required=True)
    request_id = marshmallow.fields.String(required=True)
    details = marshmallow.fields.List(marshmallow.fields.Nested(ErrorDetailSchema))
