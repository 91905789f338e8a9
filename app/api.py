"""Our Blueprint and Api: flask-smorest with the contract's manners.

A view's decorators answer, from the top: where, who, what comes in, what goes out, what may go
wrong. Each of them both does its part and writes it into the public document.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import cached_property, wraps
from itertools import islice
from typing import Any, NoReturn

import flask_smorest
from flask import Flask, Request, Response
from marshmallow import ValidationError, fields
from webargs.flaskparser import FlaskParser

from . import access, answers, exact_json
from .documentation import (
    DESCRIPTION,
    OPENAPI_VERSION,
    SECURITY_SCHEMES,
    TYPES,
    VERSION,
    Plugin,
    error_responses,
    example_of,
    examples_of,
)
from .errors import (
    ApiError,
    AuthRequired,
    CsrfFailed,
    Forbidden,
    InternalError,
    InvalidToken,
    PayloadTooLarge,
    RateLimited,
    ServiceUnavailable,
    TokenExpired,
    TokenRevoked,
    UnsupportedMediaType,
    ValidationFailed,
)
from .schema import ErrorSchema, PageSchema, PaginationSchema, Schema, camel_case

MAX_JSON = 1024 * 1024  # bytes
MAX_DETAILS = 100

View = Callable[..., Any]


class Parser(FlaskParser):
    """webargs, with our reader of JSON and our refusals."""

    DEFAULT_VALIDATION_STATUS = 400

    def _raw_load_json(self, req: Request) -> Any:
        if req.content_encoding or (req.content_type and not req.is_json):
            raise UnsupportedMediaType  # nothing is unpacked: a small body can hold gigabytes
        req.max_content_length = MAX_JSON + 1  # a chunked body is cut there, without a word
        body = req.get_data()
        if len(body) > MAX_JSON:
            raise PayloadTooLarge
        if req.content_length is not None and len(body) < req.content_length:
            raise ValidationFailed.at([], "The body ends too early.")
        if body and not req.is_json:
            raise UnsupportedMediaType
        try:
            return exact_json.read(body or b"{}")
        except exact_json.Unreadable as error:
            raise ValidationFailed.at([], str(error)) from None

    def handle_error(self, error: ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        by_location: Any = error.messages
        found = (
            {"path": path, "message": message}
            for messages in by_location.values()
            for path, message in _flat(messages, [])
        )
        raise ValidationFailed(details=list(islice(found, MAX_DETAILS)))


def _flat(messages: Any, path: list[str | int]) -> Iterator[tuple[list[str | int], str]]:
    """marshmallow's tree of messages as (path, message); ``_schema`` is the object itself."""
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            yield from _flat(below, path if key == "_schema" else [*path, key])
    elif isinstance(messages, list):
        for below in messages:
            yield from _flat(below, path)
    else:
        yield path, str(messages)


class Blueprint(flask_smorest.Blueprint):
    """A domain's routes, each with its access, its schemas and its refusals."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(self._prepare_errors_doc)

    # Who

    def signed_in(self, view: View) -> View:
        """For anybody signed in."""
        return self._guarded(view, "user")

    def officers_only(self, view: View) -> View:
        """For officers and admins."""
        return self._guarded(view, "officer", Forbidden)

    def admins_only(self, view: View) -> View:
        """For admins."""
        return self._guarded(view, "admin", Forbidden)

    def refreshing(self, view: View) -> View:
        """For a refresh token, sent as the bearer."""
        return _documented(
            self.raises(AuthRequired, InvalidToken, TokenExpired, TokenRevoked)(
                access.refreshing(view)
            ),
            security=[{"refreshToken": []}],
        )

    def public(self, view: View) -> View:
        """For anybody, signed in or not."""
        return _documented(access.public(view), security=[])

    def _guarded(self, view: View, role: str, *errors: type[ApiError]) -> View:
        guarded = self.raises(AuthRequired, InvalidToken, TokenExpired, TokenRevoked, *errors)(
            access.signed_in(view, role)
        )
        return _documented(guarded, security=[{"bearer": []}, {"cookie": []}])

    # What comes in

    def arguments(self, schema: type[Schema], *, location: str = "json", **kwargs: Any) -> View:
        """What the request says, validated; the view gets it as one more argument."""
        in_body = location == "json"
        errors: list[type[ApiError]] = [ValidationFailed]
        if in_body:
            kwargs |= examples_of(schema)
            errors += [PayloadTooLarge, UnsupportedMediaType]
        take = super().arguments(schema(), location=location, **kwargs)

        def decorator(view: View) -> View:
            taking = self.raises(*errors)(take(view))
            taking._apidoc["arguments"].pop("responses")  # said by raises, in our shape
            return taking

        return decorator

    # What goes out

    def response(self, status_code: int, schema: Any = None, **kwargs: Any) -> View:
        """What the view made, written by ``schema``."""
        if schema is not None and not {"example", "examples"} & kwargs.keys():
            kwargs["example"] = example_of(schema)
        answer = super().response(status_code, schema, **kwargs)

        def decorator(view: View) -> View:
            return answer(_bodiless(view) if status_code == 204 else view)

        return decorator

    def one(self, schema: type[Schema], missing: type[ApiError]) -> View:
        """The row that the view's query finds, or the refusal ``missing``."""

        def decorator(view: View) -> View:
            @wraps(view)
            def found(*args: Any, **kwargs: Any) -> Response:
                body = answers.one(view(*args, **kwargs), schema)
                if not body:
                    raise missing
                return answers.json_response(body)

            return self.response(200, schema)(self.raises(missing)(found))

        return decorator

    def page(self, schema: type[Schema]) -> View:
        """A page of what the view's query finds, and how many there are in all."""
        paged = Schema.from_dict(
            {
                "data": fields.List(fields.Nested(schema), required=True),
                "pagination": fields.Nested(PaginationSchema, required=True),
            },
            name=f"{schema.__name__.removesuffix('Schema')}Page",
        )

        def decorator(view: View) -> View:
            @wraps(view)
            def found(*args: Any, **kwargs: Any) -> Response:
                *args_, page = args
                return answers.json_response(
                    answers.page(view(*args_, **kwargs), schema, page["limit"], page["offset"])
                )

            return self.arguments(PageSchema, location="query")(self.response(200, paged)(found))

        return decorator

    def streams(self, **examples: str) -> View:
        """Text that is sent as it is made, in one of several types; the view makes the answer."""

        def decorator(view: View) -> View:
            for mimetype, example in examples.items():
                text = {"type": "string"}
                view = self.response(200, text, content_type=mimetype, example=example)(view)
            return view

        return decorator

    # What may go wrong

    def raises(self, *errors: type[ApiError]) -> View:
        """Write ``errors`` into the public document."""

        def decorator(view: View) -> View:
            view._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
            view._apidoc.setdefault("errors", []).extend(errors)  # type: ignore[attr-defined]
            return view

        return decorator

    @staticmethod
    def _prepare_errors_doc(doc: Any, doc_info: Any, *, method: str, **kwargs: Any) -> Any:
        errors = {*doc_info.get("errors", []), RateLimited, InternalError, ServiceUnavailable}
        if AuthRequired in errors and method not in ("get", "head"):
            errors.add(CsrfFailed)
        doc["responses"] = {**error_responses(errors), **doc.get("responses", {})}
        return doc


def no_content() -> Response:
    """An empty answer, which has no type either."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def _bodiless(view: View) -> View:
    """``view`` with an empty answer where it gives none: null would be a body."""

    @wraps(view)
    def emptied(*args: Any, **kwargs: Any) -> Response:
        return view(*args, **kwargs) or no_content()

    return emptied


def _documented(view: View, **info: Any) -> View:
    view._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
    info["operationId"] = camel_case(view.__name__)
    view._apidoc.setdefault("manual_doc", {}).update(info)  # type: ignore[attr-defined]
    return view


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

    @cached_property
    def document(self) -> str:
        """OpenAPI of every blueprint, as JSON; it does not change while the process runs."""
        return exact_json.write(self.spec.to_dict())

    def _register_error_handlers(self) -> None:
        pass
