"""Example values of schemas, for the OpenAPI document."""

from typing import Any

from marshmallow import fields as marshmallow_fields

from .fields import (
    Currency,
    ExactDecimal,
    StrictBoolean,
    StrictDate,
    StrictInteger,
    StrictUUID,
    UtcDateTime,
)
from .schemas import ErrorDetailSchema, OneOfSchema, Schema

# OpenAPI type, format and default example of each of our field types.
FIELD_TYPES: dict[type, tuple[str, str | None, Any]] = {
    ExactDecimal: ("number", None, 1250),
    StrictInteger: ("integer", None, 12),
    StrictBoolean: ("boolean", None, True),
    StrictUUID: ("string", "uuid", "0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d"),
    StrictDate: ("string", "date", "2026-01-26"),
    UtcDateTime: ("string", "date-time", "2026-01-26T09:30:00Z"),
    Currency: ("string", None, "USD"),
}


def example_of(schema: Any) -> Any:
    """Return an example of ``schema``, built from the examples of its fields.

    A property that may be left out is, if its example is None.
    """
    schema = schema() if isinstance(schema, type) else schema
    if isinstance(schema, OneOfSchema):
        return example_of(next(iter(schema.variants.values())))
    examples = ((field, _field_example(field)) for field in schema.fields.values())
    example = {
        field.data_key: value for field, value in examples if field.required or value is not None
    }
    return [example] if schema.many else example


def examples_of(schema: type[Schema]) -> dict[str, Any]:
    """Return OpenAPI's ``example``, or ``examples`` with one for each variant of ``schema``."""
    if issubclass(schema, OneOfSchema):
        return {
            "examples": {
                name: {"value": example_of(variant)} for name, variant in schema.variants.items()
            }
        }
    return {"example": example_of(schema)}


def fault_example(arguments: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a detail of VALIDATION_ERROR that fits a view with these ``arguments``."""
    schemas = {argument["in"]: argument["schema"] for argument in arguments}
    body = schemas.get("json")
    if isinstance(body, OneOfSchema):
        body = next(iter(body.variants.values()))()
    fields = body.fields.values() if body else ()
    required = [str(field.data_key) for field in fields if field.required]
    if required:
        return _detail([required[0]], "Missing data for required field.", "required")
    if schemas:
        kind = "parameter" if body is None else "field"
        return _detail(["unknown"], f"Unknown {kind}.", "unknown_field")
    return _detail([], "The body is shorter than its Content-Length.", "invalid_format")


def _detail(path: list[str], message: str, rule: str) -> dict[str, Any]:
    detail = {"path": path, "message": message, "rule": rule, "params": {}}
    names = {field.data_key for field in ErrorDetailSchema().fields.values()}
    return {name: value for name, value in detail.items() if name in names}


def _field_example(field: Any) -> Any:
    if "example" in field.metadata:
        return field.metadata["example"]
    if isinstance(field, marshmallow_fields.Nested):
        return example_of(field.schema)
    if isinstance(field, marshmallow_fields.List):
        return [_field_example(field.inner)]
    return next(
        (example for type_, (_, _, example) in FIELD_TYPES.items() if isinstance(field, type_)),
        "text",
    )
