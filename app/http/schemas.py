"""Our base Schema: camelCase names, unknown fields rejected, decimals limited by currency."""

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import marshmallow
from marshmallow import RAISE, ValidationError, validate, validates_schema

from ..messages import LOCALES, Fault, Rule
from ..money import MINOR_UNITS
from .error_guide import GUIDE
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
from .validators import NOT_AN_OBJECT, OneOf, Range, too_many_decimals

INVALID_CURSOR = Fault(
    "Must be {field} of a page of this list.", Rule.INVALID_FORMAT, field="pagination.next"
)
MAX_LIMIT = 100  # rows of a page
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
                error = [too_many_decimals(places)]
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
    """Input in one of several variants, chosen before it is loaded.

    Where the value of a field decides, ``discriminator`` is its wire name, and ``discriminated``
    has the variant of each value.
    """

    variants: ClassVar[Mapping[str, type[Schema]]]
    discriminator: ClassVar[str | None] = None
    discriminated: ClassVar[Mapping[str, str]] = {}

    def variant_name(self, data: Mapping[str, Any]) -> str:
        """Return the name of the variant that ``data`` has. Raises ValidationError."""
        raise NotImplementedError

    @classmethod
    def accepts_empty_body(cls) -> bool:
        return False

    def load(self, data: Any, **kwargs: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValidationError(NOT_AN_OBJECT)
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

    limit = QueryInteger(load_default=10, validate=Range(1, MAX_LIMIT), metadata={"example": 10})
    offset = QueryInteger(load_default=0, validate=Range(0, MAX_OFFSET), metadata={"example": 0})
    after = marshmallow.fields.String(
        load_default=None,
        validate=validate.Regexp(r"[A-Za-z0-9_-]{12,200}\Z", error=INVALID_CURSOR),
        metadata={"description": "`next` of the previous page, instead of `offset`."},
    )

    @validates_schema(pass_original=True)
    def require_one_start(
        self, data: Mapping[str, Any], original: Mapping[str, Any], **kwargs: Any
    ) -> None:
        """Reject a cursor together with an offset."""
        if "after" in original and "offset" in original:
            raise ValidationError(
                Fault(
                    "Send either {first} or {second}, not both.",
                    Rule.CONFLICTING_FIELDS,
                    first="after",
                    second="offset",
                ),
                "after",
            )


class ExportQuerySchema(Schema):
    """The format of an export."""

    format = Choice("ndjson", "csv", load_default="ndjson")


class LanguageQuerySchema(Schema):
    """The language of a document; by default that of Accept-Language, else the user's."""

    lang = Choice(*LOCALES, load_default=None)


class PeriodQuerySchema(Schema):
    """A period in days of TIME_ZONE, both included; without a bound it is open."""

    since = StrictDate(data_key="from", load_default=None, metadata={"example": "2026-01-01"})
    until = StrictDate(data_key="to", load_default=None, metadata={"example": "2026-12-31"})

    @validates_schema
    def require_order(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        """Reject a period that ends before it begins."""
        if data["since"] and data["until"] and data["since"] > data["until"]:
            raise ValidationError(
                Fault("Must not be before {min}.", Rule.TOO_EARLY, min=data["since"]), "to"
            )


@cache
def list_query_schema(key: str, *, has_period: bool) -> type[Schema]:
    """Return the schema of a page of a list that is sorted by ``key``, newest first by default.

    With ``has_period`` the list can be limited to days of its key.
    """
    bases = (PeriodQuerySchema, PaginationQuerySchema) if has_period else (PaginationQuerySchema,)
    name = f"{key[0].upper()}{key[1:]}{'Period' if has_period else ''}ListQuerySchema"
    choice = Choice(f"-{key}", key, load_default=f"-{key}")
    return type(name, bases, {"sort": choice, "__doc__": f"A page of a list by ``{key}``."})


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
        required=True,
        metadata={
            "example": "Must be greater than 0.",
            "description": "For people, in the language of `Content-Language`.",
        },
    )
    rule = marshmallow.fields.String(
        required=True,
        validate=OneOf([*Rule]),
        metadata={
            "example": Rule.TOO_SMALL,
            "description": "What the value breaks, for programs. Rules may be added.",
        },
    )
    params = marshmallow.fields.Dict(
        keys=marshmallow.fields.String(),
        required=True,
        metadata={
            "example": {"exclusiveMin": 0},
            "description": "The values in the message, such as `min` or `choices`; may be empty.",
        },
    )


class ApiErrorSchema(Schema):
    """An error: ``code`` for programs, ``error`` for people, ``requestId`` for support."""

    error = marshmallow.fields.String(required=True)
    code = marshmallow.fields.String(
        required=True,
        metadata={
            "enum": list(GUIDE),
            "x-enumDescriptions": {code: text for code, (_, text) in GUIDE.items()},
        },
    )
    request_id = marshmallow.fields.String(required=True)
    details = marshmallow.fields.List(marshmallow.fields.Nested(ErrorDetailSchema))
