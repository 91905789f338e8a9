"""The OpenAPI document, generated from the schemas and errors that the views use."""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import cached_property
from threading import Lock
from typing import Any

import flask_smorest
from flask import Flask

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
from .examples import FIELD_TYPES, fault_example
from .openapi_converter import OpenAPIPlugin
from .openapi_transforms import IDEMPOTENCY_KEY, IF_MATCH, finish_document
from .schemas import ApiErrorSchema, camel_case
from .tokens import COOKIE, CSRF_HEADER, SAFE_METHODS

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
`VALIDATION_ERROR`; the schema `ErrorCode` says what each code means and what to do. To try a
request, sign in with **POST /api/auth/login**, press *Authorize* and paste the `accessToken`. The
results are calculations, not a fatwa.

**Generated clients.** Choose a decimal type for `number` if your language has one. A property that
is not required may be left out; its description has its default. New values may be added to the
choices of a response (`enum`): let your generator keep a value that it does not know. Browsers send
the cookie `auth-token` by themselves; with it every request except GET needs `X-CSRF-Token`.
"""

INFO: dict[str, Any] = {
    "description": DESCRIPTION,
    "contact": {"name": "OSE Platform contributors"},
    "license": {"name": "MIT", "url": "https://opensource.org/license/mit"},
}

SECURITY_SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "`accessToken` of the last log-in or refresh.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "An access token, as log-in sets it for browsers.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "`csrfToken` of the log-in, also in the cookie `csrf-token`. Requests with"
        " the cookie need it, except GET.",
    },
    "refreshToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "`refreshToken` of the last log-in or refresh.",
    },
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


def error_responses(
    errors: Iterable[type[ApiError]], fault: Mapping[str, Any] | None = None
) -> dict[int, dict[str, Any]]:
    """Return OpenAPI responses for ``errors``: one per status, with an example per code.

    ``fault`` is the detail of the example of VALIDATION_ERROR.
    """
    responses: dict[int, dict[str, Any]] = {}
    for error in sorted(set(errors), key=lambda error: (error.status, error.code)):
        response = responses.setdefault(
            error.status,
            {
                "description": "",
                "content": {"application/json": {"schema": ApiErrorSchema, "examples": {}}},
            },
        )
        description = f"`{error.code}`: {error.message}"
        response["description"] = ". ".join(filter(None, [response["description"], description]))
        response["content"]["application/json"]["examples"][error.code] = {
            "value": _error_example(error, fault)
        }
    return responses


def _error_example(error: type[ApiError], fault: Mapping[str, Any] | None) -> Mapping[str, Any]:
    body: dict[str, Any] = {
        "error": str(error.message),
        "code": error.code,
        "requestId": "7c1e9a533f6d1a2b",
    }
    if issubclass(error, ValidationFailed):
        body["details"] = [fault]
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


def with_access(view: View, security: list[dict[str, list[str]]], access: str) -> View:
    """Document who may call ``view``: the schemes, and a sentence."""
    apidoc_of(view)["access"] = access
    return with_operation_doc(view, security=security)


def complete_operation(doc: Any, doc_info: Any, method: str) -> Any:
    """Add to ``doc`` what follows from the view's decorators; it says also who may call it."""
    docstring = doc_info["docstring"]
    sentences = [docstring.get("description"), doc_info.get("access")]
    docstring["description"] = "\n\n".join(filter(None, sentences))
    manual = doc_info.get("manual_doc", {})
    if method.upper() not in SAFE_METHODS:
        manual["security"] = [
            {**choice, "csrf": []} if "cookie" in choice else choice
            for choice in manual["security"]
        ]
    return _with_responses(doc, doc_info, method)


def _with_responses(doc: Any, doc_info: Any, method: str) -> Any:
    errors = {*doc_info.get("errors", []), InternalError, ServiceUnavailable}
    if not doc_info.get("rate_limit_exempt"):
        errors.add(RateLimited)
    if AuthRequired in errors and method.upper() not in SAFE_METHODS:
        errors.add(CsrfFailed)
    fault = fault_example(doc_info.get("arguments", {}).get("parameters", []))
    responses = {**error_responses(errors, fault), 405: MethodNotAllowed.__name__}
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

    ERROR_SCHEMA = ApiErrorSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        self._undocumented: list[Callable[[], None]] = []
        self._lock = Lock()
        server = {"url": app.config["PUBLIC_URL"] or "/", "description": "This service"}
        app.config["API_SPEC_OPTIONS"] = {"info": INFO, "servers": [server]}
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
        """The OpenAPI document as JSON, built once per process, when it is first needed."""
        with self._lock:
            while self._undocumented:
                self._undocumented.pop(0)()
            return strict_json.dumps(finish_document(self.spec.to_dict()))

    def document_later(self, register_views: Callable[[], None]) -> None:
        """Call ``register_views`` when the document is needed.

        To document all views takes most of the time in which a process starts.
        """
        self._undocumented.append(register_views)

    def _register_method_not_allowed(self) -> None:
        """Register the response that every operation refers to, with its headers."""
        (response,) = error_responses([MethodNotAllowed]).values()
        headers = {name: name for name in ("X-Request-ID", "Allow")}
        self.spec.components.response(MethodNotAllowed.__name__, {**response, "headers": headers})

    def _register_error_handlers(self) -> None:
        """Register none; ``errors.init_app`` registers ours."""
