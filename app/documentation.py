"""The public document: OpenAPI made from the same schemas and refusals that the views use."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any

import flask_smorest
from apispec.ext.marshmallow import MarshmallowPlugin, OpenAPIConverter
from flask import Flask
from marshmallow import fields as marshmallow_fields
from marshmallow import validate

from . import idempotency, strict_json
from .access import COOKIE
from .errors import ApiError, ValidationFailed
from .fields import DIGITS, Currency, Day, Exact, Flag, Id, Moment, Whole
from .money import MAX_DIGITS
from .schema import ErrorSchema, OneOfSchema, Schema

VERSION = "0.1.0"
OPENAPI_VERSION = "3.0.3"

DESCRIPTION = """\
Zakat worked out and kept, murabaha financing, waqf projects and donations.

Money is an exact JSON number in major units, with no more decimals than its currency has and at
most 15 digits; the same number is taken as a string too. Times are RFC 3339 in UTC. Fields may be
added to an answer; a body with a field that is not named here is refused. Every refusal has the
shape `{"error", "code", "requestId"}`. Sign in with **POST /api/auth/login**, press *Authorize*
and paste the `accessToken`. Nothing that this service says is a fatwa.
"""

SECURITY_SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    "refreshToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}

IDEMPOTENCY_KEY: dict[str, Any] = {
    "in": "header",
    "name": idempotency.HEADER,
    "description": "Names this request, so that it acts once however often it is sent in 24 hours. "
    "A repetition is answered as the first was, with `Idempotent-Replayed: true`.",
    "schema": {"type": "string", "pattern": f"^[!-~]{{1,{idempotency.LENGTH}}}$"},
}

# What answers carry beside their bodies, and the schema of each.
HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-ID": ("Ties the answer to the log.", {"type": "string"}),
    "Retry-After": ("In how many seconds to ask again.", {"type": "integer", "minimum": 1}),
    "X-RateLimit-Limit": ("How many requests may be made in a window.", {"type": "integer"}),
    "X-RateLimit-Remaining": ("How many are left of them.", {"type": "integer"}),
    "X-RateLimit-Reset": ("When the next window begins, in Unix time.", {"type": "integer"}),
    "Idempotent-Replayed": ("It was answered so before.", {"type": "string", "enum": ["true"]}),
    "ETag": ("Names what it says, for `If-None-Match`.", {"type": "string"}),
}

MOST = 10**MAX_DIGITS - 1
NULL = {"type": "object", "nullable": True, "enum": [None]}  # OpenAPI 3.0 has no type of its own
NUMERIC = ("type", "nullable", "minimum", "exclusiveMinimum", "maximum", "multipleOf")
STORABLE = {"pattern": r"^[^\u0000]*$"}  # what PostgreSQL can keep
BLANK = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
JAVASCRIPT = {r"\Z": "$", r"\s*\S": f"[{BLANK}]*[^{BLANK}]"}  # its blanks are others

# How each of our types is written in OpenAPI, and an example where the field names none.
TYPES: dict[type, tuple[str, str | None, Any]] = {
    Exact: ("number", None, 1250),
    Whole: ("integer", None, 12),
    Flag: ("boolean", None, True),
    Id: ("string", "uuid", "0197c3a4-52b0-7c1e-9a53-3f6d1a2b4c5d"),
    Day: ("string", "date", "2026-01-26"),
    Moment: ("string", "date-time", "2026-01-26T09:30:00Z"),
    Currency: ("string", None, "USD"),
}


class Converter(OpenAPIConverter):
    """apispec's converter, which also knows our types, and what bounds and patterns mean here."""

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        if isinstance(schema, OneOfSchema):
            return {"oneOf": [self.resolve_nested_schema(form) for form in schema.forms.values()]}
        return super().schema2jsonschema(schema)

    def field2range(self, field: Any, ret: Any) -> dict[str, Any]:
        attributes = super().field2range(field, ret)
        for bound in field.validators:
            if isinstance(bound, validate.Range) and not bound.min_inclusive:
                attributes["exclusiveMinimum"] = True
        if isinstance(field, Exact):
            step = {"multipleOf": Decimal(1).scaleb(-field.places)}
            return {"minimum": -MOST, "maximum": MOST, **attributes, **step}
        return attributes

    def field2pattern(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        """A pattern is JavaScript's, and searched for; a Regexp has to match from the start."""
        pattern = super().field2pattern(field, **kwargs).get("pattern")
        if pattern is None:
            return {}
        for python, javascript in JAVASCRIPT.items():
            pattern = pattern.replace(python, javascript)
        return {"pattern": f"^{pattern}"}

    def field2nullable(self, field: Any, ret: Any) -> dict[str, Any]:
        """apispec would take any object beside one that is referred to."""
        if field.allow_none and "$ref" in ret:
            return {"anyOf": [{"$ref": ret.pop("$ref")}, NULL]}
        return super().field2nullable(field, ret)


def told_apart(document: dict[str, Any]) -> dict[str, Any]:
    """``document``, in which what is sent is described as it is taken, and answers stay open."""
    operations = _operations(document)
    for schema in _reached(document, [each.get("requestBody") for each in operations]):
        if schema.get("type") == "number":
            number = {key: schema.pop(key) for key in NUMERIC if key in schema}
            schema["anyOf"] = [number, {"type": "string", "pattern": f"^{DIGITS.pattern}$"}]
        elif _is_text(schema):
            schema.update({"allOf": [STORABLE]} if "pattern" in schema else STORABLE)
    for schema in _reached(document, [each["responses"] for each in operations]):
        schema.pop("additionalProperties", None)  # fields may be added to an answer
    return document


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        operation
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
    ]


def _is_text(schema: dict[str, Any]) -> bool:
    """Whether anything may be written there, and so what no database can keep."""
    free = schema.get("format", "password") == "password" and "enum" not in schema
    return schema.get("type") == "string" and free


def _reached(document: dict[str, Any], parts: list[Any]) -> list[dict[str, Any]]:
    """Every object in ``parts`` of ``document``, and in what they refer to, each once."""
    referred: set[str] = set()

    def within(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            yield value
            if isinstance(value.get("$ref"), str) and value["$ref"] not in referred:
                referred.add(value["$ref"])
                yield from within(_referred(document, value["$ref"]))
            value = [below for key, below in value.items() if not key.startswith("example")]
        for below in value if isinstance(value, list) else ():
            yield from within(below)

    return list(within(parts))


def _referred(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def with_headers(document: dict[str, Any]) -> dict[str, Any]:
    """``document`` with the headers of each answer, which follow from what else is said of it."""
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            response["headers"] = {
                name: {"$ref": f"#/components/headers/{name}"}
                for name in _headers(operation, int(status))
            }
    return document


def _headers(operation: dict[str, Any], status: int) -> Iterator[str]:
    yield "X-Request-ID"
    limited, well = "429" in operation["responses"], status < 400
    if status in (429, 503):
        yield "Retry-After"
    if limited and (well or status == 429):
        yield from ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
    if well and IDEMPOTENCY_KEY in operation.get("parameters", []):
        yield "Idempotent-Replayed"
    if well and "304" in operation["responses"]:
        yield "ETag"


class Plugin(MarshmallowPlugin):
    Converter = Converter


def example_of(schema: Any) -> Any:
    """An example of what ``schema`` describes, put together from those of its fields."""
    schema = schema() if isinstance(schema, type) else schema
    if isinstance(schema, OneOfSchema):
        return example_of(next(iter(schema.forms.values())))
    example = {
        field.data_key or name: _field_example(field) for name, field in schema.fields.items()
    }
    return [example] if schema.many else example


def examples_of(schema: type[Schema]) -> dict[str, Any]:
    """OpenAPI's ``example``, or ``examples`` with one for each form that ``schema`` may take."""
    if issubclass(schema, OneOfSchema):
        return {
            "examples": {name: {"value": example_of(form)} for name, form in schema.forms.items()}
        }
    return {"example": example_of(schema)}


def _field_example(field: Any) -> Any:
    if "example" in field.metadata:
        return field.metadata["example"]
    if isinstance(field, marshmallow_fields.Nested):
        return example_of(field.schema)
    if isinstance(field, marshmallow_fields.List):
        return [_field_example(field.inner)]
    return next((e for kind, (_, _, e) in TYPES.items() if isinstance(field, kind)), "text")


def error_responses(errors: Iterable[type[ApiError]]) -> dict[int, dict[str, Any]]:
    """OpenAPI's responses for ``errors``: one for each status, with each code as an example."""
    responses: dict[int, dict[str, Any]] = {}
    for error in sorted(set(errors), key=lambda error: (error.status, error.code)):
        response = responses.setdefault(
            error.status,
            {
                "description": "",
                "content": {"application/json": {"schema": ErrorSchema, "examples": {}}},
            },
        )
        said = f"`{error.code}`: {error.message}"
        response["description"] = ". ".join(filter(None, [response["description"], said]))
        response["content"]["application/json"]["examples"][error.code] = {
            "value": _error_example(error)
        }
    return responses


def _error_example(error: type[ApiError]) -> Mapping[str, Any]:
    body: dict[str, Any] = {
        "error": error.message,
        "code": error.code,
        "requestId": "7c1e9a533f6d1a2b",
    }
    if issubclass(error, ValidationFailed):
        body["details"] = [{"path": ["wealth"], "message": "Must be greater than 0."}]
    return body


class Api(flask_smorest.Api):
    """The document of every blueprint; errors are answered by errors.py, not from here."""

    ERROR_SCHEMA = ErrorSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        app.config["API_SPEC_OPTIONS"] = {"info": {"description": DESCRIPTION}}
        super().__init__(
            app,
            spec_kwargs={
                "title": "OSE Platform API",
                "version": VERSION,
                "openapi_version": OPENAPI_VERSION,
                "marshmallow_plugin": Plugin(),
            },
        )
        for field, (kind, form, _) in TYPES.items():
            self.register_field(field, kind, form)
        for name, scheme in SECURITY_SCHEMES.items():
            self.spec.components.security_scheme(name, scheme)
        for name, (described, schema) in HEADERS.items():
            self.spec.components.header(name, {"description": described, "schema": schema})

    @cached_property
    def document(self) -> str:
        """OpenAPI of every blueprint, as JSON; it does not change while the process runs."""
        return strict_json.write(with_headers(told_apart(self.spec.to_dict())))

    def _register_error_handlers(self) -> None:
        pass
