"""Our Blueprint and Api: flask-smorest with the contract's manners.

A view's decorators answer, from the top: where, who, what comes in, what goes out, what may go
wrong. Each of them both does its part and writes it into the public document.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any
from uuid import UUID

import flask_smorest
from flask import Response, g, request
from marshmallow import fields

from .. import strict_json
from ..database.prepared import Query
from ..errors import (
    ApiError,
    AuthRequired,
    Forbidden,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    InvalidToken,
    PayloadTooLarge,
    TokenExpired,
    TokenRevoked,
    UnsupportedMediaType,
    ValidationFailed,
)
from ..integrations.stripe_client import InsufficientFunds, PaymentDeclined, PaymentUnavailable
from . import authentication, idempotency, sql_json
from .examples import example_of, examples_of
from .openapi import documented, documents_of, with_documents_of, with_errors
from .parsing import from_body, from_query, json_bytes
from .rate_limits import exempt
from .schemas import PageSchema, PaginationSchema, Schema

PAGE = PageSchema()
FRESH = 60  # seconds
KEYED = (ValidationFailed, IdempotencyInProgress, IdempotencyKeyReused)

View = Callable[..., Any]


class Blueprint(flask_smorest.Blueprint):
    """A domain's routes, each with its access, its schemas and its refusals."""

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
        return documented(
            self.raises(AuthRequired, InvalidToken, TokenExpired, TokenRevoked)(
                authentication.refreshing(view)
            ),
            security=[{"refreshToken": []}],
        )

    def public(self, view: View) -> View:
        """For anybody, signed in or not."""
        return documented(authentication.public(view), security=[])

    def unlimited(self, view: View) -> View:
        """Asked as often as anybody likes: never counted, and so never refused for it."""
        never_counted = exempt(view)
        documents_of(never_counted)["unlimited"] = True
        return never_counted

    def asks_itself(self, view: View) -> View:
        """A statement of the view's own finds out whether the caller's sign-in holds."""
        return _asking_itself(view, view, "POST")

    def _guarded(self, view: View, role: str, *errors: type[ApiError]) -> View:
        guarded = self.raises(AuthRequired, InvalidToken, TokenExpired, TokenRevoked, *errors)(
            authentication.signed_in(view, role)
        )
        return documented(guarded, security=[{"bearer": []}, {"cookie": []}])

    # What comes in

    def once(self, view: View) -> View:
        """Commit what the view did, and do it once for each Idempotency-Key, if there is one."""
        return self.once_by(json_bytes)(view)

    def once_by(self, sent: Callable[[], bytes]) -> View:
        """The same for a request whose body is not JSON: ``sent`` says what makes two the same."""

        def decorator(view: View) -> View:
            keyed = self.raises(*KEYED)(idempotency.once(view, sent))
            documents_of(keyed)["once"] = True
            return keyed

        return decorator

    def pays(
        self,
        schema: type[Schema],
        found: Callable[[UUID], Query],
        again: Callable[[UUID], idempotency.Deed],
        status: int = 201,
    ) -> View:
        """Commit the view's deed, have Stripe do it (``again`` if resumed), answer ``found``."""
        described = self.response(status, schema)

        def answered(record: UUID, change: Query | None = None) -> Response | None:
            query = found(record).after(change) if change else found(record)
            body = sql_json.one(query, schema)
            return sql_json.json_response(body, status) if body else None

        def decorator(view: View) -> View:
            keyed = self.raises(*KEYED, InsufficientFunds, PaymentDeclined, PaymentUnavailable)(
                idempotency.in_two_steps(view, json_bytes, again, answered)
            )
            documents_of(keyed)["once"] = True
            return with_documents_of(described(keyed), keyed)

        return decorator

    def arguments(self, schema: type[Schema], *, location: str = "json", **kwargs: Any) -> View:
        """What the request says, validated; the view gets it as one more argument."""
        errors: list[type[ApiError]] = [ValidationFailed]
        if location == "json":
            kwargs |= examples_of(schema)
            kwargs["required"] = not schema.may_be_empty()
            errors += [PayloadTooLarge, UnsupportedMediaType]
        asked = schema()
        read = {"json": from_body, "query": from_query}[location]
        document = super().arguments(asked, location=location, **kwargs)

        def decorator(view: View) -> View:
            @wraps(view)
            def taking(*args: Any, **kwargs: Any) -> Any:
                return view(*args, read(asked), **kwargs)

            described = self.raises(*errors)(document(view))
            described._apidoc["arguments"].pop("responses")  # said by raises, in our shape
            return with_documents_of(described, taking)

        return decorator

    # What goes out

    def response(self, status_code: int, schema: Any = None, **kwargs: Any) -> View:
        """What the view made, written by ``schema``; a Response goes out as it is."""
        if schema is not None and not {"example", "examples"} & kwargs.keys():
            kwargs["example"] = example_of(schema)
        document = super().response(status_code, schema, **kwargs)
        written = schema() if isinstance(schema, type) else schema

        def decorator(view: View) -> View:
            @wraps(view)
            def answered(*args: Any, **kwargs: Any) -> Response:
                result = view(*args, **kwargs)
                if isinstance(result, Response):
                    return result
                if result is None:
                    return no_content()
                # A view may say another status beside the body.
                body, status = result if isinstance(result, tuple) else (result, status_code)
                return sql_json.json_response(strict_json.write(written.dump(body)), status)

            return with_documents_of(document(view), answered)

        return decorator

    def one(self, schema: type[Schema], missing: type[ApiError], status: int = 200) -> View:
        """The row that the view's query finds, or the refusal ``missing``."""
        described = self.response(status, schema)

        def decorator(view: View) -> View:
            @wraps(view)
            def found(*args: Any, **kwargs: Any) -> Response:
                body = sql_json.one(view(*args, **kwargs), schema)
                if not body:
                    raise missing
                return sql_json.json_response(body, status)

            return _asking_itself(
                described(self.raises(missing)(found)), found, *authentication.SAFE_METHODS
            )

        return decorator

    def keeps(self, schema: type[Schema]) -> View:
        """The row that the view's insertion makes."""
        described = self.response(201, schema)

        def decorator(view: View) -> View:
            @wraps(view)
            def kept(*args: Any, **kwargs: Any) -> Response:
                return sql_json.json_response(sql_json.kept(view(*args, **kwargs), schema), 201)

            return _asking_itself(described(kept), kept, "POST")

        return decorator

    def page(self, schema: type[Schema]) -> View:
        """A page of what the view's query finds, and how many there are in all."""
        described = self.arguments(PageSchema, location="query")
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
                limit, offset = _part_asked_for(request.query_string)
                return sql_json.json_response(
                    sql_json.page(view(*args, **kwargs), schema, limit, offset)
                )

            return _asking_itself(
                described(self.response(200, paged)(found)), found, *authentication.SAFE_METHODS
            )

        return decorator

    def cacheable(self, view: View) -> View:
        """A public answer that caches may keep for a minute, then ask whether it is the same."""

        @wraps(view)
        def tagged(*args: Any, **kwargs: Any) -> Response:
            g.may_be_old = True  # by that minute, and so by the moment that a replica needs
            response = view(*args, **kwargs)
            response.headers["Cache-Control"] = f"public, max-age={FRESH}"
            response.vary.add("Origin")  # CORS answers each by its own
            response.add_etag()
            return response.make_conditional(request)

        documents_of(tagged)["cacheable"] = True
        return tagged

    def streams(self, **examples: str) -> View:
        """Text that is sent as it is made, in one of several types; the view makes the answer."""

        def decorator(view: View) -> View:
            for mimetype, example in examples.items():
                text = {"type": "string"}
                view = self.response(200, text, content_type=mimetype, example=example)(view)
            return view

        return decorator

    def deprecated(self, *, since: datetime, successor: str) -> View:
        """An answer that says since when it is outdated (RFC 9745), and by what (RFC 8288)."""

        def decorator(view: View) -> View:
            @wraps(view)
            def dated(*args: Any, **kwargs: Any) -> Response:
                response = view(*args, **kwargs)
                response.headers["Deprecation"] = f"@{int(since.timestamp())}"
                response.headers["Link"] = f'<{successor}>; rel="successor-version"'
                return response

            return documented(dated, deprecated=True)

        return decorator

    def pdf(self, view: View) -> View:
        """A document to be kept, which the view has made an answer of."""
        text = {"type": "string", "format": "binary"}
        return self.response(200, text, content_type="application/pdf", example="%PDF-…")(view)

    # What may go wrong

    def raises(self, *errors: type[ApiError]) -> View:
        """Write ``errors`` into the public document."""

        def decorator(view: View) -> View:
            documents_of(view).setdefault("errors", []).extend(errors)
            return view

        return decorator

    @staticmethod
    def _prepare_errors_doc(doc: Any, doc_info: Any, *, method: str, **kwargs: Any) -> Any:
        return with_errors(doc, doc_info, method)


@lru_cache(maxsize=256)
def _part_asked_for(query_string: bytes) -> tuple[int, int]:
    """The limit and offset of the request that is being answered; clients ask for a few alike."""
    asked = from_query(PAGE)
    return asked["limit"], asked["offset"]


def _asking_itself(described: View, view: View, *methods: str) -> View:
    """The same; for ``methods`` its one statement finds out whether the caller's sign-in holds."""
    view.asks_itself = methods  # type: ignore[attr-defined]
    return with_documents_of(described, view)


def no_content() -> Response:
    """An empty answer, which has no type either."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
