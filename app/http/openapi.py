"""The public document: OpenAPI made from the same schemas and refusals that the views use."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from decimal import Decimal
from functools import cached_property
from typing import Any

import flask_smorest
from apispec.ext.marshmallow import MarshmallowPlugin, OpenAPIConverter
from flask import Flask
from marshmallow import validate

from .. import strict_json
from ..errors import (
    ApiError,
    AuthRequired,
    CsrfFailed,
    InternalError,
    RateLimited,
    ServiceUnavailable,
    ValidationFailed,
)
from ..money import MAX_DIGITS
from . import idempotency
from .authentication import COOKIE
from .examples import FIELD_TYPES
from .fields import DECIMAL_PATTERN, ExactDecimal
from .schemas import ErrorSchema, OneOfSchema, camel_case

View = Callable[..., Any]

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
    "schema": {"type": "string", "pattern": f"^[!-~]{{1,{idempotency.MAX_KEY_LENGTH}}}$"},
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

MAX_AMOUNT = 10**MAX_DIGITS - 1
NULL = {"type": "object", "nullable": True, "enum": [None]}  # OpenAPI 3.0 has no type of its own
NUMERIC_KEYWORDS = ("type", "nullable", "minimum", "exclusiveMinimum", "maximum", "multipleOf")
NO_NUL = {"pattern": r"^[^\u0000]*$"}  # what PostgreSQL can keep
BLANKS = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
JAVASCRIPT_PATTERNS = {r"\Z": "$", r"\s*\S": f"[{BLANKS}]*[^{BLANKS}]"}  # its blanks are others


class OpenAPIFieldConverter(OpenAPIConverter):
    """apispec's converter, which also knows our types, and what bounds and patterns mean here."""

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        if isinstance(schema, OneOfSchema):
            return {
                "oneOf": [self.resolve_nested_schema(form) for form in schema.variants.values()]
            }
        return super().schema2jsonschema(schema)

    def field2range(self, field: Any, ret: Any) -> dict[str, Any]:
        attributes = super().field2range(field, ret)
        for bound in field.validators:
            if isinstance(bound, validate.Range) and not bound.min_inclusive:
                attributes["exclusiveMinimum"] = True
        if isinstance(field, ExactDecimal):
            step = {"multipleOf": Decimal(1).scaleb(-field.places)}
            return {"minimum": -MAX_AMOUNT, "maximum": MAX_AMOUNT, **attributes, **step}
        return attributes

    def field2pattern(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        """A pattern is JavaScript's, and searched for; a Regexp has to match from the start."""
        pattern = super().field2pattern(field, **kwargs).get("pattern")
        if pattern is None:
            return {}
        for python, javascript in JAVASCRIPT_PATTERNS.items():
            pattern = pattern.replace(python, javascript)
        return {"pattern": f"^{pattern}"}

    def field2nullable(self, field: Any, ret: Any) -> dict[str, Any]:
        """apispec would take any object beside one that is referred to."""
        if field.allow_none and "$ref" in ret:
            return {"anyOf": [{"$ref": ret.pop("$ref")}, NULL]}
        return super().field2nullable(field, ret)


def split_input_output(document: dict[str, Any]) -> dict[str, Any]:
    """``document``, in which what is sent is described as it is taken, and answers stay open."""
    operations = _operations(document)
    for schema in _schemas_in(document, [each.get("requestBody") for each in operations]):
        if schema.get("type") == "number":
            number = {key: schema.pop(key) for key in NUMERIC_KEYWORDS if key in schema}
            schema["anyOf"] = [
                number,
                {"type": "string", "pattern": f"^{DECIMAL_PATTERN.pattern}$"},
            ]
        elif _is_free_text(schema):
            schema.update({"allOf": [NO_NUL]} if "pattern" in schema else NO_NUL)
    for schema in _schemas_in(document, [each["responses"] for each in operations]):
        schema.pop("additionalProperties", None)  # fields may be added to an answer
    return document


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        operation
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
    ]


def _is_free_text(schema: dict[str, Any]) -> bool:
    """Whether anything may be written there, and so what no database can keep."""
    free = schema.get("format", "password") == "password" and "enum" not in schema
    return schema.get("type") == "string" and free


def _schemas_in(document: dict[str, Any], parts: list[Any]) -> list[dict[str, Any]]:
    """Every object in ``parts`` of ``document``, and in what they refer to, each once."""
    referred: set[str] = set()

    def within(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            yield value
            if isinstance(value.get("$ref"), str) and value["$ref"] not in referred:
                referred.add(value["$ref"])
                yield from within(_resolve(document, value["$ref"]))
            value = [below for key, below in value.items() if not key.startswith("example")]
        for below in value if isinstance(value, list) else ():
            yield from within(below)

    return list(within(parts))


def _resolve(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def add_response_headers(document: dict[str, Any]) -> dict[str, Any]:
    """``document`` with the headers of each answer, which follow from what else is said of it."""
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            response["headers"] = {
                name: {"$ref": f"#/components/headers/{name}"}
                for name in _response_headers(operation, int(status))
            }
    return document


def _response_headers(operation: dict[str, Any], status: int) -> Iterator[str]:
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


class OpenAPIPlugin(MarshmallowPlugin):
    Converter = OpenAPIFieldConverter


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


def with_operation_doc(view: View, **info: Any) -> View:
    """``view``, with its name and ``info`` in the document."""
    info["operationId"] = camel_case(view.__name__)
    apidoc_of(view).setdefault("manual_doc", {}).update(info)
    return view


def apidoc_of(view: View) -> dict[str, Any]:
    """What flask-smorest is told of ``view``, in a copy of its own: wraps shares the original."""
    view._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
    return view._apidoc  # type: ignore[attr-defined]


def copy_apidoc(described: View, view: View) -> View:
    """``view`` itself, which does by its own what ``described`` would wrap around it."""
    view._apidoc = described._apidoc  # type: ignore[attr-defined]
    return view


def with_errors(doc: Any, doc_info: Any, method: str) -> Any:
    """``doc`` of an operation, with all that may go wrong."""
    errors = {*doc_info.get("errors", []), InternalError, ServiceUnavailable}
    if not doc_info.get("rate_limit_exempt"):
        errors.add(RateLimited)
    if AuthRequired in errors and method not in ("get", "head"):
        errors.add(CsrfFailed)
    doc["responses"] = {**error_responses(errors), **doc.get("responses", {})}
    if doc_info.get("cacheable"):
        doc["responses"][304] = {"description": "It is still as `If-None-Match` has it."}
    if doc_info.get("idempotent"):
        doc["parameters"] = [*doc.get("parameters", []), IDEMPOTENCY_KEY]
    return doc


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
                "marshmallow_plugin": OpenAPIPlugin(),
            },
        )
        for field, (kind, form, _) in FIELD_TYPES.items():
            self.register_field(field, kind, form)
        for name, scheme in SECURITY_SCHEMES.items():
            self.spec.components.security_scheme(name, scheme)
        for name, (described, schema) in HEADERS.items():
            self.spec.components.header(name, {"description": described, "schema": schema})

    @cached_property
    def document(self) -> str:
        """OpenAPI of every blueprint, as JSON; it does not change while the process runs."""
        return strict_json.dumps(add_response_headers(split_input_output(self.spec.to_dict())))

    def _register_error_handlers(self) -> None:
        pass
