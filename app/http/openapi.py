"""The OpenAPI document, generated from the schemas and errors that the views use."""

from collections.abc import Callable, Iterable, Mapping
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
    MethodNotAllowed,
    RateLimited,
    ServiceUnavailable,
    ValidationFailed,
)
from ..money import MAX_DIGITS
from .examples import FIELD_TYPES, example_of
from .fields import ExactDecimal, Text
from .openapi_transforms import (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    TEXT_KEY,
    add_response_headers,
    split_input_output,
    text_pattern,
)
from .schemas import ErrorDetailSchema, ErrorSchema, OneOfSchema, camel_case
from .tokens import COOKIE

View = Callable[..., Any]

VERSION = "0.1.0"
OPENAPI_VERSION = "3.0.3"

DESCRIPTION = """\
Zakat calculations, murabaha financing, and waqf projects and donations.

Amounts of money are exact JSON numbers in major units (`1916.67`), with at most 15 digits and no
more decimals than the currency has; a string with the same number is accepted too. Times are
RFC 3339 in UTC; days are those of the institution's time zone. Text is stored in Unicode's form
NFC; a text of one line has no control characters, none that override its direction, and at least
one visible character. New fields may be added to responses; requests with undocumented fields are
rejected. Every error has the form `{"error", "code", "requestId"}`, and `details` for
`VALIDATION_ERROR`. To try a request, sign in with **POST /api/auth/login**, press *Authorize* and
paste the `accessToken`. The results are calculations, not a fatwa.
"""

SECURITY_SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    "refreshToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}


# Description and schema of each response header.
HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-ID": ("Id of the request in the service's log.", {"type": "string"}),
    "Retry-After": ("Seconds to wait before retrying.", {"type": "integer", "minimum": 1}),
    "X-RateLimit-Limit": ("Requests allowed in the current window.", {"type": "integer"}),
    "X-RateLimit-Remaining": ("Requests left in the current window.", {"type": "integer"}),
    "X-RateLimit-Reset": ("Unix time in seconds when the window ends.", {"type": "integer"}),
    "Idempotent-Replayed": ("The response is a repetition.", {"type": "string", "enum": ["true"]}),
    "ETag": ("Version of the response, for `If-None-Match` and `If-Match`.", {"type": "string"}),
    "Allow": ("Methods that this path supports.", {"type": "string"}),
}

MAX_AMOUNT = 10**MAX_DIGITS - 1
NULL = {"type": "object", "nullable": True, "enum": [None]}  # OpenAPI 3.0 has no null type


class OpenAPIFieldConverter(OpenAPIConverter):
    """apispec's converter, with our field types, bounds and patterns."""

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        if isinstance(schema, OneOfSchema):
            return {
                "oneOf": [
                    self.resolve_nested_schema(variant) for variant in schema.variants.values()
                ]
            }
        return super().schema2jsonschema(schema)

    def field2range(self, field: Any, ret: Any) -> dict[str, Any]:
        attributes = super().field2range(field, ret)
        for validator in field.validators:
            if isinstance(validator, validate.Range) and not validator.min_inclusive:
                attributes["exclusiveMinimum"] = True
        if isinstance(field, ExactDecimal):
            step = {"multipleOf": Decimal(1).scaleb(-field.places)}
            return {"minimum": -MAX_AMOUNT, "maximum": MAX_AMOUNT, **attributes, **step}
        return attributes

    def field2pattern(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        """Translate a Regexp, anchored at its start, to an unanchored JavaScript pattern."""
        attributes = {TEXT_KEY: text_pattern(field)} if isinstance(field, Text) else {}
        pattern = super().field2pattern(field, **kwargs).get("pattern")
        if pattern is not None:
            attributes["pattern"] = "^" + pattern.replace(r"\Z", "$")
        return attributes

    def field2nullable(self, field: Any, ret: Any) -> dict[str, Any]:
        """Allow null beside a reference; apispec's own form would allow any object."""
        if field.allow_none and "$ref" in ret:
            return {"anyOf": [{"$ref": ret.pop("$ref")}, NULL]}
        return super().field2nullable(field, ret)


class OpenAPIPlugin(MarshmallowPlugin):
    """apispec's plugin, with our converter."""

    Converter = OpenAPIFieldConverter


def error_responses(errors: Iterable[type[ApiError]]) -> dict[int, dict[str, Any]]:
    """Return OpenAPI responses for ``errors``: one per status, with an example per code."""
    responses: dict[int, dict[str, Any]] = {}
    for error in sorted(set(errors), key=lambda error: (error.status, error.code)):
        response = responses.setdefault(
            error.status,
            {
                "description": "",
                "content": {"application/json": {"schema": ErrorSchema, "examples": {}}},
            },
        )
        description = f"`{error.code}`: {error.message}"
        response["description"] = ". ".join(filter(None, [response["description"], description]))
        response["content"]["application/json"]["examples"][error.code] = {
            "value": _error_example(error)
        }
    return responses


def _error_example(error: type[ApiError]) -> Mapping[str, Any]:
    body: dict[str, Any] = {
        "error": str(error.message),
        "code": error.code,
        "requestId": "7c1e9a533f6d1a2b",
    }
    if issubclass(error, ValidationFailed):
        body["details"] = [example_of(ErrorDetailSchema)]
    return body


def with_operation_doc(view: View, **info: Any) -> View:
    """Add ``info`` and the view's name, as operationId, to its operation in the document."""
    info["operationId"] = camel_case(view.__name__)
    apidoc_of(view).setdefault("manual_doc", {}).update(info)
    return view


def apidoc_of(view: View) -> dict[str, Any]:
    """Return flask-smorest's documentation of ``view``.

    It is copied first, because functools.wraps shares it with the wrapped view.
    """
    view._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
    return view._apidoc  # type: ignore[attr-defined]


def copy_apidoc(described: View, view: View) -> View:
    """Return ``view`` with the documentation of ``described``, a wrapper that is not needed."""
    view._apidoc = described._apidoc  # type: ignore[attr-defined]
    return view


def with_errors(doc: Any, doc_info: Any, method: str) -> Any:
    """Add to ``doc`` the responses and parameters that follow from the view's decorators."""
    errors = {*doc_info.get("errors", []), InternalError, ServiceUnavailable}
    if not doc_info.get("rate_limit_exempt"):
        errors.add(RateLimited)
    if AuthRequired in errors and method not in ("get", "head"):
        errors.add(CsrfFailed)
    responses = {**error_responses(errors), 405: MethodNotAllowed.__name__}
    doc["responses"] = {**responses, **doc.get("responses", {})}
    if doc_info.get("cacheable") or (doc_info.get("returns_etag") and method == "get"):
        doc["responses"][304] = {
            "description": "Not modified: `If-None-Match` has the current ETag."
        }
    if doc_info.get("returns_etag"):
        for status in {200, 201} & doc["responses"].keys():
            doc["responses"][status]["headers"] = {"ETag": "ETag"}
    for flag, parameter in (("idempotent", IDEMPOTENCY_KEY), ("if_match", IF_MATCH)):
        if doc_info.get(flag):
            doc["parameters"] = [*doc.get("parameters", []), parameter]
    return doc


class Api(flask_smorest.Api):
    """flask-smorest's Api; the error handlers are those of ``errors``, not its own."""

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
        for name, (description, schema) in HEADERS.items():
            self.spec.components.header(name, {"description": description, "schema": schema})
        self._register_method_not_allowed()

    @cached_property
    def document(self) -> str:
        """The OpenAPI document as JSON, built once per process."""
        return strict_json.dumps(add_response_headers(split_input_output(self.spec.to_dict())))

    def _register_method_not_allowed(self) -> None:
        """Register the response that every operation refers to, with its headers."""
        (response,) = error_responses([MethodNotAllowed]).values()
        headers = {name: name for name in ("X-Request-ID", "Allow")}
        self.spec.components.response(MethodNotAllowed.__name__, {**response, "headers": headers})

    def _register_error_handlers(self) -> None:
        """Register none; ``errors.init_app`` registers ours."""
