"""Our Blueprint: flask-smorest's, with decorators that enforce the contract and document it.

The decorators of a view say, from the top: where, who, what comes in, what goes out, what can fail.
The idempotent ones also commit, and ``idempotent_payment`` calls Stripe.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial, wraps
from itertools import chain
from typing import Any
from uuid import UUID

import flask_smorest
from flask import Response, request
from marshmallow import fields

from ..database import replica
from ..database.prepared import PreparedQuery
from ..errors import (
    ApiError,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    PayloadTooLarge,
    PreconditionFailed,
    QuotaExceeded,
    UnsupportedMediaType,
    ValidationFailed,
)
from ..integrations.stripe_client import InsufficientFunds, PaymentDeclined, PaymentUnavailable
from . import conditional, idempotency, sql_json
from .access import AccessDecorators, View, defer_session_check
from .authentication import load_locale
from .examples import example_of, examples_of
from .glossary import component_name
from .openapi import apidoc_of, complete_operation, copy_apidoc, with_operation_doc
from .pagination import page_response, read_cursor, read_requested_page, within_period
from .parsing import PARSER, read_json_bytes
from .responses import json_response
from .schemas import PaginationQuerySchema, PaginationSchema, Schema, list_query_schema
from .tokens import SAFE_METHODS, has_credentials

PAGE_DESCRIPTION = "A page of a list. `pagination.next` is the cursor of the next one."
PUBLIC_MAX_AGE = 60  # seconds
IDEMPOTENCY_ERRORS = (
    ValidationFailed,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    QuotaExceeded,
)
PAYMENT_ERRORS = (InsufficientFunds, PaymentDeclined, PaymentUnavailable)


class Blueprint(AccessDecorators, flask_smorest.Blueprint):
    """A domain's routes, each with its access, its schemas and its errors."""

    ARGUMENTS_PARSER = PARSER

    def __init__(self, *args: Any, description: str, **kwargs: Any) -> None:
        """Document the routes with the first paragraph of ``description``; the rest is for us."""
        super().__init__(*args, description=description.partition("\n\n")[0], **kwargs)
        self._prepare_doc_cbks.append(self._complete_operation_doc)

    def register_views_in_doc(self, api: Any, *args: Any, **kwargs: Any) -> None:
        """Document the views when the document is needed, not at the start."""
        api.document_later(partial(super().register_views_in_doc, api, *args, **kwargs))

    # What comes in

    def idempotent(self, view: View) -> View:
        """Commit the view's effect together with the response, once for each Idempotency-Key.

        The view does not commit. A request without a key is committed too.
        """
        return self.idempotent_by(read_json_bytes)(view)

    def idempotent_by(self, read_body: Callable[[], bytes]) -> View:
        """Do the same, commit included, for a body that is not JSON.

        Two requests are the same if ``read_body()`` returns equal bytes.
        """

        def decorator(view: View) -> View:
            wrapped = idempotency.run_idempotent(view, read_body)
            wrapped.read_body = read_body  # type: ignore[attr-defined]
            return self._with_key(wrapped)

        return decorator

    def idempotent_payment(
        self,
        schema: type[Schema],
        query: Callable[[UUID], PreparedQuery],
        load: Callable[[UUID], idempotency.Operation],
        status: int = 201,
    ) -> View:
        """Commit the record of the view's Operation, call Stripe, render the row, and commit.

        The view inserts the record, returns its Operation and does not commit. ``query`` finds the
        row by the record's id; ``load`` makes the Operation of a repeated request.
        """
        described = self.response(status, schema)

        def render(id: UUID, change: PreparedQuery | None = None) -> Response | None:
            body = sql_json.select_one_json(
                query(id).with_change(change) if change else query(id), schema
            )
            return json_response(body, status) if body else None

        def decorator(view: View) -> View:
            wrapped = idempotency.run_two_phase(view, read_json_bytes, load, render)
            wrapped = self._with_key(self.raises(*PAYMENT_ERRORS)(wrapped))
            return copy_apidoc(described(wrapped), wrapped)

        return decorator

    def _with_key(self, view: View) -> View:
        view = self.raises(*IDEMPOTENCY_ERRORS)(view)
        apidoc_of(view)["idempotent"] = True
        return view

    def arguments(self, schema: type[Schema], *, location: str = "json", **kwargs: Any) -> View:
        """Load the body or query string with ``schema``; the view receives the result."""
        errors: list[type[ApiError]] = [ValidationFailed]
        if location == "json":
            kwargs |= examples_of(schema)
            kwargs["required"] = not schema.accepts_empty_body()
            errors += [PayloadTooLarge, UnsupportedMediaType]
        document = super().arguments(schema(), location=location, **kwargs)

        def decorator(view: View) -> View:
            described = self.raises(*errors)(document(view))
            if location == "json":
                described.read_body = read_json_bytes  # before the session is checked
            described._apidoc["arguments"].pop("responses")  # raises() documents our shape
            return described

        return decorator

    def if_match(
        self,
        schema: type[Schema],
        query: Callable[[UUID], PreparedQuery],
        lock: Callable[[UUID], Any],
    ) -> View:
        """Check If-Match, if sent, against the row of ``query``; see ``http.conditional``."""
        return lambda view: self.raises(PreconditionFailed)(
            conditional.require_match(view, schema, query, lock)
        )

    # What goes out

    def returns_etag(self, view: View) -> View:
        """Tag the resource that the view returns, or that is replayed under an Idempotency-Key."""
        return conditional.add_etag(view)

    def response(self, status_code: int, schema: Any = None, **kwargs: Any) -> View:
        """Serialize what the view returns with ``schema``, and document it with an example."""
        if schema is not None and not {"example", "examples"} & kwargs.keys():
            kwargs["example"] = example_of(schema)
        return super().response(status_code, schema, **kwargs)

    def example(self, **values: Any) -> View:
        """Change values, by wire name, in the response's example, as this view returns others."""

        def decorator(view: View) -> View:
            for described in chain(*apidoc_of(view)["response"]["responses"].values()):
                if values.keys() <= described.get("example", {}).keys():
                    described["example"].update(values)
            return view

        return decorator

    def returns_row(
        self, schema: type[Schema], not_found: type[ApiError], status: int = 200
    ) -> View:
        """Return the row that the view's query finds, or raise ``not_found``.

        A finished response, which a view may return instead, is left as it is.
        """
        described = self.response(status, schema)

        def decorator(view: View) -> View:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Response:
                query = view(*args, **kwargs)
                if isinstance(query, Response):
                    return query
                body = sql_json.select_one_json(query, schema)
                if not body:
                    load_locale()
                    raise not_found
                return json_response(body, status)

            described_view = described(self.raises(not_found)(wrapper))
            return defer_session_check(described_view, wrapper, *SAFE_METHODS)

        return decorator

    def inserts_row(self, schema: type[Schema]) -> View:
        """Execute the insert that the view returns, and return the row."""
        described = self.response(201, schema)

        def decorator(view: View) -> View:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Response:
                body = sql_json.insert_returning_json(view(*args, **kwargs), schema)
                return json_response(body, 201)

            return defer_session_check(described(wrapper), wrapper, "POST")

        return decorator

    def paginated(
        self, schema: type[Schema], by: str | None = None, *, has_period: bool = True
    ) -> View:
        """Return a page of the rows that the view's query finds, and their total number.

        ``by`` is the wire name of the list's first key, a moment: the client may reverse the order
        and, with ``has_period``, limit the list to days. Without ``by`` the view's own parameters
        say how the list is sorted.
        """
        query_schema = list_query_schema(by, has_period=has_period) if by else PaginationQuerySchema
        described = self.arguments(query_schema, location="query")
        page_schema = Schema.from_dict(
            {
                "data": fields.List(fields.Nested(schema), required=True),
                "pagination": fields.Nested(PaginationSchema, required=True),
            },
            name=f"{component_name(schema)}Page",
        )
        page_schema.__doc__ = PAGE_DESCRIPTION

        def decorator(view: View) -> View:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Response:
                requested = read_requested_page(
                    request.query_string, request.endpoint, query_schema
                )
                if requested["after"] is not None:
                    read_cursor(requested["after"])  # before the view, like any other parameter
                query = within_period(view(*args, **kwargs), requested)
                return page_response(query, schema, requested)

            described_view = described(self.response(200, page_schema)(wrapper))
            return defer_session_check(described_view, wrapper, *SAFE_METHODS)

        return decorator

    def cacheable(self, view: View) -> View:
        """Let caches keep a public response for PUBLIC_MAX_AGE, then revalidate it by its ETag."""

        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Response:
            call = partial(view, *args, **kwargs)
            response = call() if has_credentials() else replica.read(call)  # own writes are read
            response.headers["Cache-Control"] = f"public, max-age={PUBLIC_MAX_AGE}"
            response.vary.add("Origin")  # CORS headers depend on it
            response.add_etag()
            return response.make_conditional(request)

        apidoc_of(wrapper)["cacheable"] = True
        return wrapper

    def streamed(self, **examples: str) -> View:
        """Document a streamed text response, by example for each of its media types."""

        def decorator(view: View) -> View:
            for mimetype, example in examples.items():
                text = {"type": "string"}
                view = self.response(200, text, content_type=mimetype, example=example)(view)
            return view

        return decorator

    def deprecated(self, *, since: datetime, successor: str) -> View:
        """Add the headers Deprecation (RFC 9745) and Link to the successor (RFC 8288)."""

        def decorator(view: View) -> View:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Response:
                response = view(*args, **kwargs)
                response.headers["Deprecation"] = f"@{int(since.timestamp())}"
                response.headers.add("Link", f'<{successor}>; rel="successor-version"')
                return response

            return with_operation_doc(wrapper, deprecated=True)

        return decorator

    def redirects_to_page(self, status: int) -> View:
        """Document a redirect to a page, and the page, which clients that follow it receive."""
        text = {"type": "string"}
        page = {"content_type": "text/html", "example": "<!doctype html>…"}
        described = self.response(200, text, description="The page, after the redirect.", **page)
        redirect = self.alt_response(
            status, description="The address of the page is in `Location`."
        )
        return lambda view: redirect(described(view))

    def pdf(self, view: View) -> View:
        """Document a PDF response."""
        text = {"type": "string", "format": "binary"}
        return self.response(200, text, content_type="application/pdf", example="%PDF-…")(view)

    # What can fail

    def raises(self, *errors: type[ApiError]) -> View:
        """Document ``errors`` of the view."""

        def decorator(view: View) -> View:
            apidoc_of(view).setdefault("errors", []).extend(errors)
            return view

        return decorator

    @staticmethod
    def _complete_operation_doc(doc: Any, doc_info: Any, *, method: str, **kwargs: Any) -> Any:
        return complete_operation(doc, doc_info, method)
