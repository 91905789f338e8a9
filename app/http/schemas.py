"""Our Schema: camelCase on the wire, unknown input refused, money no finer than its currency."""

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import marshmallow
from marshmallow import RAISE, ValidationError, validate, validates_schema

from ..money import MINOR_UNITS
from .fields import Amount, Choice, Currency, QueryInteger, StrictInteger, decimals


def camel_case(name: str) -> str:
    """``requested_amount`` as ``requestedAmount``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class Schema(marshmallow.Schema):
    """The base of every schema. Input and output are separate classes."""

    class Meta:
        unknown = RAISE

    @classmethod
    def accepts_empty_body(cls) -> bool:
        """Whether nothing has to be said."""
        return not any(field.required for field in cls().fields.values())

    def on_bind_field(self, field_name: str, field_obj: marshmallow.fields.Field[Any]) -> None:
        field_obj.data_key = field_obj.data_key or camel_case(field_name)

    @validates_schema
    def require_minor_units(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Refuse amounts that have more decimals than the currency beside them."""
        if isinstance(self.fields.get("currency"), Currency):
            errors = self.excess_decimals(data, MINOR_UNITS[data["currency"]])
            if errors:
                raise ValidationError(errors)

    def excess_decimals(self, data: Mapping[str, Any], places: int) -> dict[str, Any]:
        """What in ``data`` has more than ``places`` decimals, by the wire's names."""
        errors: dict[str, Any] = {}
        for name, field in self.load_fields.items():
            value = data.get(name)
            found: Any = None
            if isinstance(field, Amount) and value is not None and decimals(value) > places:
                found = [f"At most {places} decimals in this currency."]
            elif isinstance(field, marshmallow.fields.List) and isinstance(
                field.inner, marshmallow.fields.Nested
            ):
                inner: Any = field.inner.schema
                below = (inner.excess_decimals(item, places) for item in value or [])
                found = {index: error for index, error in enumerate(below) if error}
            if found:
                errors[field.data_key or name] = found
        return errors


class OneOfSchema(Schema):
    """Input of one of several forms, told apart before it is read."""

    variants: ClassVar[Mapping[str, type[Schema]]]

    def variant_name(self, data: Mapping[str, Any]) -> str:
        """The name of the form that ``data`` takes. Raises ValidationError."""
        raise NotImplementedError

    @classmethod
    def accepts_empty_body(cls) -> bool:
        return False

    def load(self, data: Any, **kwargs: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValidationError({"_schema": ["Invalid input type."]})
        return self.variant(data).load(data, **kwargs)

    def variant(self, data: Mapping[str, Any]) -> Schema:
        """The schema of the form that ``data`` takes."""
        return _instance(self.variants[self.variant_name(data)])

    def excess_decimals(self, data: Mapping[str, Any], places: int) -> dict[str, Any]:
        return self.variant(data).excess_decimals(data, places)


@cache
def _instance(schema: type[Schema]) -> Schema:
    return schema()


class PaginationQuerySchema(Schema):
    """Which part of a list is asked for."""

    limit = QueryInteger(load_default=10, validate=validate.Range(1, 100), metadata={"example": 10})
    offset = QueryInteger(
        load_default=0, validate=validate.Range(0, 2**31 - 1), metadata={"example": 0}
    )


class ExportQuerySchema(Schema):
    """In which form all of it is streamed."""

    format = Choice("ndjson", "csv", load_default="ndjson")


class PaginationSchema(Schema):
    """Which part of a list this is, and how long all of it is."""

    limit = StrictInteger(required=True, metadata={"example": 10})
    offset = StrictInteger(required=True, metadata={"example": 0})
    total = StrictInteger(required=True, metadata={"example": 1})


class ErrorDetailSchema(Schema):
    """One thing that is wrong with the request, and where."""

    path = marshmallow.fields.List(
        marshmallow.fields.Raw(), required=True, metadata={"example": ["wealth"]}
    )
    message = marshmallow.fields.String(
        required=True, metadata={"example": "Must be greater than 0."}
    )


class ErrorSchema(Schema):
    """A refusal. ``code`` is for programs, ``error`` for people, ``requestId`` for the log."""

    error = marshmallow.fields.String(required=True)
    code = marshmallow.fields.String(required=True)
    request_id = marshmallow.fields.String(required=True)
    details = marshmallow.fields.List(marshmallow.fields.Nested(ErrorDetailSchema))
