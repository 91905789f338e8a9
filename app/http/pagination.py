"""Pages of lists: which rows are requested, and the response with the cursor of the next page.

A cursor holds the keys of a row, signed, so that only those of a list's row come back. It is valid
for one user's view of one list with the same filters.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, g, request
from marshmallow import Schema

from .. import clock, strict_json
from ..database.prepared import PreparedQuery, list_keys
from ..errors import ValidationFailed
from . import row_batches, sql_json, streaming
from .parsing import PARSER
from .responses import json_response
from .schemas import INVALID_CURSOR
from .sql_json import MAX_TOTAL, Page, Start

TAG_BYTES = 6
PAGE_PARAMETERS = {"limit", "offset", "after"}


@lru_cache(maxsize=256)
def read_requested_page(
    query_string: bytes, endpoint: str, schema: type[Schema]
) -> Mapping[str, Any]:
    """Load the current request's page; cached, because clients repeat a few query strings.

    Which other parameters are accepted depends on the endpoint.
    """
    page: Mapping[str, Any] = PARSER.parse(schema(), location="query")
    return page


def page_response(
    query: PreparedQuery,
    schema: type[Schema],
    requested: Mapping[str, Any],
    *,
    head: str = '{"data":',
    tail: str = "}",
    has_pagination: bool = True,
) -> Response:
    """Return the ``requested`` page of a list as JSON between ``head`` and ``tail``.

    Without pagination in the body, the headers X-Total-Count and Link have it. A page that is large
    is streamed. Raises ValidationFailed if the cursor is not one of this list.
    """
    limit, start = requested["limit"], _find_start(query, requested)
    page = sql_json.select_page(query, schema, limit, start)
    cursor = page.next and encode_cursor(page.next)
    if has_pagination:
        tail = f',"pagination":{_pagination_json(page, requested, cursor)}{tail}'
    if page.rows is None:
        rows = _iter_rows(query, schema, limit, start)
        pieces = streaming.join_pieces(chain([f"{head}["], rows, [f"]{tail}"]))
        return streaming.streaming_response(pieces, "application/json")
    response = json_response(f"{head}{page.rows}{tail}")
    if not has_pagination:
        response.headers["X-Total-Count"] = str(min(page.total, MAX_TOTAL))
        if cursor:
            link = f"{request.path}?{_next_query(limit, cursor)}"
            response.headers["Link"] = f'<{link}>; rel="next"'
    return response


def within_period(query: PreparedQuery, requested: Mapping[str, Any]) -> PreparedQuery:
    """Return the list in the days and the order that the request asks for, if it does."""
    since, until = requested.get("since"), requested.get("until")
    return query.within(
        since and clock.start_of_day(since),
        until and clock.end_of_day(until),
        reverse=not requested.get("sort", "-").startswith("-"),
    )


def encode_cursor(keys: str) -> str:
    """Return the cursor of the row with ``keys``, a JSON array, in the current request's list."""
    content = keys.encode()
    return urlsafe_b64encode(_sign(content) + content).rstrip(b"=").decode()


def read_cursor(cursor: str) -> bytes:
    """Return the keys, as JSON, in a cursor of the current list. Raises ValidationFailed."""
    try:
        content = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        raise _invalid_cursor() from None
    tag, keys = content[:TAG_BYTES], content[TAG_BYTES:]
    if not hmac.compare_digest(tag, _sign(keys)):
        raise _invalid_cursor()
    return keys


def decode_cursor(cursor: str, columns: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the keys in ``cursor``, values of ``columns``. Raises ValidationFailed."""
    try:
        values = strict_json.loads(read_cursor(cursor))
        return tuple(
            _parse_key(column.type.python_type, value)
            for column, value in zip(columns, values, strict=True)
        )
    except (ValueError, TypeError, OverflowError):
        raise _invalid_cursor() from None


def _invalid_cursor() -> ValidationFailed:
    return ValidationFailed.at(["after"], INVALID_CURSOR)


def _find_start(query: PreparedQuery, requested: Mapping[str, Any]) -> Start:
    cursor = requested["after"]
    if cursor is None:
        return Start(requested["offset"])
    return Start(keys=decode_cursor(cursor, list_keys(query.statement)))


def _parse_key(kind: type, value: Any) -> Any:
    """Convert a key from JSON to ``kind``. Raises ValueError or TypeError."""
    if kind is int:
        if type(value) is int and abs(value) < 2**63:  # a boolean is an int too
            return value
        raise ValueError
    if kind is Decimal and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    if not isinstance(value, str):
        raise TypeError
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        moment.utctimetuple()  # raises an error at the edges of the calendar
        return moment
    return date.fromisoformat(value) if kind is date else kind(value)


def _sign(keys: bytes) -> bytes:
    """Return the tag of ``keys`` for this request's user, path and filters."""
    user = g.get("authenticated_user")
    scope = f"{user and user.id} {request.path}?{urlencode(sorted(_filters(request.query_string)))}"
    message = b"\0".join([b"cursor", scope.encode(), keys])
    secret = current_app.config["JWT_SECRET_KEY"].encode()
    return hmac.digest(secret, message, "sha256")[:TAG_BYTES]


@lru_cache(maxsize=256)
def _filters(query_string: bytes) -> list[tuple[str, str]]:
    """Return the parameters that select the rows of a list; cached, as clients repeat a few."""
    return [item for item in request.args.items() if item[0] not in PAGE_PARAMETERS]


def _pagination_json(page: Page, requested: Mapping[str, Any], cursor: str | None) -> str:
    """Format the object PaginationSchema."""
    offset = requested["offset"] if requested["after"] is None else "null"
    is_exact = "true" if page.total <= MAX_TOTAL else "false"
    quoted = f'"{cursor}"' if cursor else "null"
    return (
        f'{{"limit":{requested["limit"]},"offset":{offset},"total":{min(page.total, MAX_TOTAL)},'
        f'"totalIsExact":{is_exact},"next":{quoted}}}'
    )


def _next_query(limit: int, cursor: str) -> str:
    """Return the query string of the next page, with the same filters."""
    return urlencode([*_filters(request.query_string), ("limit", limit), ("after", cursor)])


def _iter_rows(
    query: PreparedQuery, schema: type[Schema], limit: int, start: Start
) -> Iterator[str]:
    """Yield the rows of a large page with commas between them, reading a few at a time."""
    separator = ""
    for ids in row_batches.split_rows(sql_json.find_rows(query, limit, start)):
        for row in sql_json.read_rows(query, schema, ids):
            yield separator + row
            separator = ","
